#include "distill/tasks/networks/map_kernels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace duet::tasks {
namespace {

// Built for wider vectors as well. Loops inside are over channels, which lie side by side.
#define DUET_VECTORIZED [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]

constexpr std::int64_t kBlockRows = 512;  // whose sums are added up one after the other
constexpr std::int64_t kFloatRows = 64;   // summed in float, before they go into doubles
constexpr std::int64_t kGrain = 1 << 15;  // numbers that are worth a thread
constexpr std::int64_t kWidth = 64;       // numbers in a row that keep the inner loops busy

// Several rows side by side count as one where channels are few.
std::int64_t RowsTogether(const MapSize& size) {
  std::int64_t together = 1;
  while (together * size.channels < kWidth && size.rows() % (2 * together) == 0) together *= 2;
  return together;
}

std::vector<float> Repeated(const float* values, std::int64_t count, std::int64_t times) {
  std::vector<float> repeated;
  repeated.reserve(static_cast<std::size_t>(count * times));
  for (std::int64_t i = 0; i < times; ++i) repeated.insert(repeated.end(), values, values + count);
  return repeated;
}

// Adds up to kFloatRows rows' two sums to [D] floats each.
using AddRows = std::function<void(std::int64_t first, std::int64_t count, float* one, float* two)>;

// Two sums over all rows, each [D]. `per_image` rows are never divided.
void SumRows(std::int64_t rows, std::int64_t width, std::int64_t rows_at_once, const AddRows& add,
             std::vector<double>& one, std::vector<double>& two) {
  const std::int64_t block = std::max<std::int64_t>(kBlockRows * kWidth / width, rows_at_once);
  const std::int64_t blocks = (rows + block - 1) / block;
  const auto w = static_cast<std::size_t>(width);
  std::vector<double> partial(static_cast<std::size_t>(2 * blocks) * w);
  at::parallel_for(0, blocks, std::max<std::int64_t>(1, kGrain / (block * width)),
                   [&](std::int64_t begin, std::int64_t end) {
                     std::vector<float> sums(2 * w);
                     for (std::int64_t i = begin; i < end; ++i) {
                       double* to = partial.data() + static_cast<std::size_t>(2 * i) * w;
                       const std::int64_t last = std::min(rows, (i + 1) * block);
                       for (std::int64_t row = i * block; row < last; row += rows_at_once) {
                         std::ranges::fill(sums, 0.0F);
                         add(row, std::min(rows_at_once, last - row), sums.data(), sums.data() + w);
                         for (std::size_t c = 0; c < 2 * w; ++c)
                           to[c] += static_cast<double>(sums[c]);
                       }
                     }
                   });
  one.assign(w, 0.0);
  two.assign(w, 0.0);
  for (std::int64_t i = 0; i < blocks; ++i) {
    const double* from = partial.data() + static_cast<std::size_t>(2 * i) * w;
    for (std::size_t c = 0; c < w; ++c) {
      one[c] += from[c];
      two[c] += from[w + c];
    }
  }
}

// The sums of rows side by side, together.
void Fold(std::vector<double>& sums, std::int64_t channels) {
  const auto count = static_cast<std::size_t>(channels);
  for (std::size_t i = count; i < sums.size(); ++i) sums[i % count] += sums[i];
  sums.resize(count);
}

void ForRows(std::int64_t rows, std::int64_t width,
             const std::function<void(std::int64_t, std::int64_t)>& function) {
  at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / width), function);
}

DUET_VECTORIZED void AddMoments(const float* x, std::int64_t rows, std::int64_t width,
                                const float* origin, float* one, float* two) {
  for (std::int64_t row = 0; row < rows; ++row, x += width) {
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) {
      const float from = x[c] - origin[c];
      one[c] += from;
      two[c] += from * from;
    }
  }
}

DUET_VECTORIZED void Scale(const float* x, std::int64_t rows, std::int64_t width,
                           const float* factor, const float* shift, float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) y[c] = x[c] * factor[c] + shift[c];
  }
}

DUET_VECTORIZED void ScaleRelu(const float* x, std::int64_t rows, std::int64_t width,
                               const float* factor, const float* shift, float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = x[c] * factor[c] + shift[c];
      y[c] = value < 0.0F ? 0.0F : value;
    }
  }
}

DUET_VECTORIZED void ScaleAddRelu(const float* x, const float* other, std::int64_t rows,
                                  std::int64_t width, const float* factor, const float* shift,
                                  float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, other += width, y += width) {
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = x[c] * factor[c] + shift[c] + other[c];
      y[c] = value < 0.0F ? 0.0F : value;
    }
  }
}

// One row of pooled pixels from two rows of pixels, `x` and the `width * channels` numbers after.
DUET_VECTORIZED void PoolRow(const float* x, std::int64_t width, std::int64_t channels,
                             const float* factor, const float* shift, float* y,
                             std::int32_t* winner) {
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const float* a = x + 2 * j * channels;
    const float* b = a + width * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const float v0 = a[c] * factor[c] + shift[c];
      const float v1 = a[c + channels] * factor[c] + shift[c];
      const float v2 = b[c] * factor[c] + shift[c];
      const float v3 = b[c + channels] * factor[c] + shift[c];
      const float top = v1 > v0 ? v1 : v0;
      const float bottom = v3 > v2 ? v3 : v2;
      const std::int32_t top_place = v1 > v0 ? 1 : 0;
      const std::int32_t bottom_place = v3 > v2 ? 3 : 2;
      const float best = bottom > top ? bottom : top;
      const std::int32_t place = bottom > top ? bottom_place : top_place;
      y[j * channels + c] = best < 0.0F ? 0.0F : best;
      winner[j * channels + c] = best > 0.0F ? place : 4;
    }
  }
}

DUET_VECTORIZED void AddGradients(const float* g, const float* x, const float* y, std::int64_t rows,
                                  std::int64_t width, const float* mean, float* masked, float* one,
                                  float* two) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width, y += width) {
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = y[c] > 0.0F ? g[c] : 0.0F;
      one[c] += value;
      two[c] += value * (x[c] - mean[c]);
    }
    if (masked == nullptr) continue;
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) masked[c] = y[c] > 0.0F ? g[c] : 0.0F;
    masked += width;
  }
}

DUET_VECTORIZED void AddAllGradients(const float* g, const float* x, std::int64_t rows,
                                     std::int64_t width, const float* mean, float* one,
                                     float* two) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width) {
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) {
      one[c] += g[c];
      two[c] += g[c] * (x[c] - mean[c]);
    }
  }
}

DUET_VECTORIZED void Combine(const float* g, const float* x, const float* y, std::int64_t rows,
                             std::int64_t width, const float* a, const float* b, const float* c,
                             float* by_x) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width, y += width, by_x += width) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      const float value = y[i] > 0.0F ? g[i] : 0.0F;
      by_x[i] = a[i] * value + (b[i] * x[i] + c[i]);
    }
  }
}

DUET_VECTORIZED void CombineAll(const float* g, const float* x, std::int64_t rows,
                                std::int64_t width, const float* a, const float* b, const float* c,
                                float* by_x) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width, by_x += width) {
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) by_x[i] = a[i] * g[i] + (b[i] * x[i] + c[i]);
  }
}

DUET_VECTORIZED void AddPooledRow(const float* g, const float* x, const std::int32_t* winner,
                                  std::int64_t width, std::int64_t channels, const float* mean,
                                  float* one, float* two) {
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const float* a = x + 2 * j * channels;
    const float* b = a + width * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int32_t place = winner[j * channels + c];
      const float value = place < 4 ? g[j * channels + c] : 0.0F;
      const float top = place == 1 ? a[c + channels] : a[c];
      const float bottom = place == 3 ? b[c + channels] : b[c];
      one[c] += value;
      two[c] += value * ((place >= 2 ? bottom : top) - mean[c]);
    }
  }
}

DUET_VECTORIZED void CombinePooledRow(const float* g, const float* x, const std::int32_t* winner,
                                      std::int64_t width, std::int64_t channels, const float* a,
                                      const float* b, const float* c, float* by_x) {
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const float* x0 = x + 2 * j * channels;
    const float* x2 = x0 + width * channels;
    float* y0 = by_x + 2 * j * channels;
    float* y2 = y0 + width * channels;
#pragma omp simd
    for (std::int64_t i = 0; i < channels; ++i) {
      const std::int32_t place = winner[j * channels + i];
      const float value = a[i] * g[j * channels + i];
      y0[i] = (place == 0 ? value : 0.0F) + (b[i] * x0[i] + c[i]);
      y0[i + channels] = (place == 1 ? value : 0.0F) + (b[i] * x0[i + channels] + c[i]);
      y2[i] = (place == 2 ? value : 0.0F) + (b[i] * x2[i] + c[i]);
      y2[i + channels] = (place == 3 ? value : 0.0F) + (b[i] * x2[i + channels] + c[i]);
    }
  }
}

}  // namespace

void ChannelMoments(const float* map, const MapSize& size, float* mean, float* variance) {
  const std::int64_t together = RowsTogether(size), width = together * size.channels;
  // Counted from the first pixel, so that a large mean costs no digits of the variance.
  const std::vector<float> origin = Repeated(map, size.channels, together);
  std::vector<double> one, two;
  SumRows(
      size.rows() / together, width, kFloatRows,
      [&](std::int64_t first, std::int64_t count, float* a, float* b) {
        AddMoments(map + first * width, count, width, origin.data(), a, b);
      },
      one, two);
  Fold(one, size.channels);
  Fold(two, size.channels);
  const auto rows = static_cast<double>(size.rows());
  for (std::size_t c = 0; c < one.size(); ++c) {
    const double from_origin = one[c] / rows;
    mean[c] = static_cast<float>(static_cast<double>(map[c]) + from_origin);
    variance[c] = static_cast<float>(std::max(two[c] / rows - from_origin * from_origin, 0.0));
  }
}

void ScaleMap(const float* map, const MapSize& size, const float* factor, const float* shift,
              const float* other, bool relu, float* output) {
  const std::int64_t together = RowsTogether(size), width = together * size.channels;
  const std::vector<float> f = Repeated(factor, size.channels, together);
  const std::vector<float> s = Repeated(shift, size.channels, together);
  ForRows(size.rows() / together, width, [&](std::int64_t begin, std::int64_t end) {
    const float* x = map + begin * width;
    float* y = output + begin * width;
    if (other != nullptr) {
      ScaleAddRelu(x, other + begin * width, end - begin, width, f.data(), s.data(), y);
    } else if (relu) {
      ScaleRelu(x, end - begin, width, f.data(), s.data(), y);
    } else {
      Scale(x, end - begin, width, f.data(), s.data(), y);
    }
  });
}

void ScaleAndPoolMap(const float* map, const MapSize& size, const float* factor, const float* shift,
                     float* output, std::int32_t* winner) {
  const std::int64_t row = size.width * size.channels;
  ForRows(size.images * size.height / 2, 2 * row, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      PoolRow(map + 2 * i * row, size.width, size.channels, factor, shift, output + i * row / 2,
              winner + i * row / 2);
    }
  });
}

void SumGradients(const float* gradient, const float* map, const MapSize& size, const float* mean,
                  const float* output, float* masked, float* sum, float* product) {
  const std::int64_t together = RowsTogether(size), width = together * size.channels;
  const std::vector<float> m = Repeated(mean, size.channels, together);
  std::vector<double> one, two;
  SumRows(
      size.rows() / together, width, kFloatRows,
      [&](std::int64_t first, std::int64_t count, float* a, float* b) {
        const std::int64_t at = first * width;
        if (output == nullptr) {
          AddAllGradients(gradient + at, map + at, count, width, m.data(), a, b);
        } else {
          AddGradients(gradient + at, map + at, output + at, count, width, m.data(),
                       masked == nullptr ? nullptr : masked + at, a, b);
        }
      },
      one, two);
  Fold(one, size.channels);
  Fold(two, size.channels);
  std::ranges::transform(one, sum, [](double value) { return static_cast<float>(value); });
  std::ranges::transform(two, product, [](double value) { return static_cast<float>(value); });
}

void CombineGradients(const float* gradient, const float* map, const MapSize& size,
                      const float* output, const float* a, const float* b, const float* c,
                      float* by_map) {
  const std::int64_t together = RowsTogether(size), width = together * size.channels;
  const std::vector<float> ra = Repeated(a, size.channels, together);
  const std::vector<float> rb = Repeated(b, size.channels, together);
  const std::vector<float> rc = Repeated(c, size.channels, together);
  ForRows(size.rows() / together, width, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * width, count = end - begin;
    if (output == nullptr) {
      CombineAll(gradient + at, map + at, count, width, ra.data(), rb.data(), rc.data(),
                 by_map + at);
    } else {
      Combine(gradient + at, map + at, output + at, count, width, ra.data(), rb.data(), rc.data(),
              by_map + at);
    }
  });
}

void SumPooledGradients(const float* gradient, const float* map, const MapSize& size,
                        const float* mean, const std::int32_t* winner, float* sum, float* product) {
  const std::int64_t row = size.width * size.channels;
  std::vector<double> one, two;
  const std::int64_t at_once = std::max<std::int64_t>(1, 2 * kFloatRows / size.width);
  SumRows(
      size.images * size.height / 2, size.channels, at_once,
      [&](std::int64_t first, std::int64_t count, float* a, float* b) {
        for (std::int64_t i = first; i < first + count; ++i) {
          AddPooledRow(gradient + i * row / 2, map + 2 * i * row, winner + i * row / 2, size.width,
                       size.channels, mean, a, b);
        }
      },
      one, two);
  std::ranges::transform(one, sum, [](double value) { return static_cast<float>(value); });
  std::ranges::transform(two, product, [](double value) { return static_cast<float>(value); });
}

void CombinePooledGradients(const float* gradient, const float* map, const MapSize& size,
                            const std::int32_t* winner, const float* a, const float* b,
                            const float* c, float* by_map) {
  const std::int64_t row = size.width * size.channels;
  ForRows(size.images * size.height / 2, 2 * row, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      CombinePooledRow(gradient + i * row / 2, map + 2 * i * row, winner + i * row / 2, size.width,
                       size.channels, a, b, c, by_map + 2 * i * row);
    }
  });
}

}  // namespace duet::tasks
