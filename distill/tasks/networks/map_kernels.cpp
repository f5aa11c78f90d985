#include "distill/tasks/networks/map_kernels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace duet::tasks {
namespace {

// Eight channels, which lie side by side; -1 is true among integers.
constexpr std::int64_t kLanes = kChannelsTogether;
using Floats [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = float;
using Ints [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = std::int32_t;

const Floats* Vectors(const float* p) { return reinterpret_cast<const Floats*>(p); }
Floats* Vectors(float* p) { return reinterpret_cast<Floats*>(p); }
const Ints* Vectors(const std::int32_t* p) { return reinterpret_cast<const Ints*>(p); }
Ints* Vectors(std::int32_t* p) { return reinterpret_cast<Ints*>(p); }

constexpr std::int32_t kNoWinner = 4;  // of four pixels, where none is positive

// Built for wider vectors as well.
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
  const auto* in = Vectors(x);
  for (std::int64_t row = 0; row < rows; ++row, in += width / kLanes) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      const Floats from = in[i] - Vectors(origin)[i];
      Vectors(one)[i] += from;
      Vectors(two)[i] += from * from;
    }
  }
}

DUET_VECTORIZED void Scale(const float* x, std::int64_t rows, std::int64_t width,
                           const float* factor, const float* shift, float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      Vectors(y)[i] = Vectors(x)[i] * Vectors(factor)[i] + Vectors(shift)[i];
    }
  }
}

DUET_VECTORIZED void ScaleRelu(const float* x, std::int64_t rows, std::int64_t width,
                               const float* factor, const float* shift, float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      const Floats value = Vectors(x)[i] * Vectors(factor)[i] + Vectors(shift)[i];
      Vectors(y)[i] = value < 0.0F ? Floats{} : value;
    }
  }
}

DUET_VECTORIZED void ScaleAddRelu(const float* x, const float* other, std::int64_t rows,
                                  std::int64_t width, const float* factor, const float* shift,
                                  float* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, other += width, y += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      const Floats value =
          Vectors(x)[i] * Vectors(factor)[i] + Vectors(shift)[i] + Vectors(other)[i];
      Vectors(y)[i] = value < 0.0F ? Floats{} : value;
    }
  }
}

// One row of pooled pixels from two rows of pixels, which begin at `x`.
DUET_VECTORIZED void PoolRow(const float* x, std::int64_t width, std::int64_t channels,
                             const float* factor, const float* shift, float* y,
                             std::int32_t* winner) {
  const std::int64_t count = channels / kLanes;
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const Floats* a = Vectors(x + 2 * j * channels);
    const Floats* b = a + width * count;
    Floats* out = Vectors(y + j * channels);
    Ints* places = Vectors(winner + j * channels);
    for (std::int64_t i = 0; i < count; ++i) {
      const Floats f = Vectors(factor)[i], s = Vectors(shift)[i];
      const Floats v0 = a[i] * f + s, v1 = a[i + count] * f + s;
      const Floats v2 = b[i] * f + s, v3 = b[i + count] * f + s;
      const Ints right_above = v1 > v0, right_below = v3 > v2;
      const Floats above = right_above ? v1 : v0, below = right_below ? v3 : v2;
      const Ints is_below = below > above;
      const Floats best = is_below ? below : above;
      const Ints place = is_below ? 2 - right_below : -right_above;  // true is -1
      places[i] = best > 0.0F ? place : Ints{} + kNoWinner;
      out[i] = best < 0.0F ? Floats{} : best;
    }
  }
}

DUET_VECTORIZED void AddGradients(const float* g, const float* x, const float* y, std::int64_t rows,
                                  std::int64_t width, const float* mean, float* masked, float* one,
                                  float* two) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width, y += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      const Floats value = Vectors(y)[i] > 0.0F ? Vectors(g)[i] : Floats{};
      Vectors(one)[i] += value;
      Vectors(two)[i] += value * (Vectors(x)[i] - Vectors(mean)[i]);
      if (masked != nullptr) Vectors(masked)[i] = value;
    }
    if (masked != nullptr) masked += width;
  }
}

DUET_VECTORIZED void AddAllGradients(const float* g, const float* x, std::int64_t rows,
                                     std::int64_t width, const float* mean, float* one,
                                     float* two) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      Vectors(one)[i] += Vectors(g)[i];
      Vectors(two)[i] += Vectors(g)[i] * (Vectors(x)[i] - Vectors(mean)[i]);
    }
  }
}

DUET_VECTORIZED void Combine(const float* g, const float* x, const float* y, std::int64_t rows,
                             std::int64_t width, const float* a, const float* b, const float* c,
                             float* by_x) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width, y += width, by_x += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      const Floats value = Vectors(y)[i] > 0.0F ? Vectors(g)[i] : Floats{};
      Vectors(by_x)[i] = Vectors(a)[i] * value + (Vectors(b)[i] * Vectors(x)[i] + Vectors(c)[i]);
    }
  }
}

DUET_VECTORIZED void CombineAll(const float* g, const float* x, std::int64_t rows,
                                std::int64_t width, const float* a, const float* b, const float* c,
                                float* by_x) {
  for (std::int64_t row = 0; row < rows; ++row, g += width, x += width, by_x += width) {
    for (std::int64_t i = 0; i < width / kLanes; ++i) {
      Vectors(by_x)[i] =
          Vectors(a)[i] * Vectors(g)[i] + (Vectors(b)[i] * Vectors(x)[i] + Vectors(c)[i]);
    }
  }
}

DUET_VECTORIZED void AddPooledRow(const float* g, const float* x, const std::int32_t* winner,
                                  std::int64_t width, std::int64_t channels, const float* mean,
                                  float* one, float* two) {
  const std::int64_t count = channels / kLanes;
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const Floats* a = Vectors(x + 2 * j * channels);
    const Floats* b = a + width * count;
    for (std::int64_t i = 0; i < count; ++i) {
      const Ints place = Vectors(winner + j * channels)[i];
      const Floats value = place < kNoWinner ? Vectors(g + j * channels)[i] : Floats{};
      const Floats above = place == 1 ? a[i + count] : a[i];
      const Floats below = place == 3 ? b[i + count] : b[i];
      Vectors(one)[i] += value;
      Vectors(two)[i] += value * ((place >= 2 ? below : above) - Vectors(mean)[i]);
    }
  }
}

DUET_VECTORIZED void CombinePooledRow(const float* g, const float* x, const std::int32_t* winner,
                                      std::int64_t width, std::int64_t channels, const float* a,
                                      const float* b, const float* c, float* by_x) {
  const std::int64_t count = channels / kLanes;
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const Floats* above = Vectors(x + 2 * j * channels);
    const Floats* below = above + width * count;
    Floats* by_above = Vectors(by_x + 2 * j * channels);
    Floats* by_below = by_above + width * count;
    for (std::int64_t i = 0; i < count; ++i) {
      const Ints place = Vectors(winner + j * channels)[i];
      const Floats value = Vectors(a)[i] * Vectors(g + j * channels)[i];
      const Floats slope = Vectors(b)[i], constant = Vectors(c)[i];
      const std::int64_t k = i + count;
      by_above[i] = (place == 0 ? value : Floats{}) + (slope * above[i] + constant);
      by_above[k] = (place == 1 ? value : Floats{}) + (slope * above[k] + constant);
      by_below[i] = (place == 2 ? value : Floats{}) + (slope * below[i] + constant);
      by_below[k] = (place == 3 ? value : Floats{}) + (slope * below[k] + constant);
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
