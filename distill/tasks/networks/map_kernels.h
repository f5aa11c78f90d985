// Batch normalisation and what follows it on the CPU, each pass over the data doing all it can.
//
// Maps are float and channels-last: rows [N, D] with N = B H W pixels and D channels. Sums are
// taken over blocks of fixed size, so that results do not depend on the number of threads.
#pragma once

#include <cstdint>

namespace duet::tasks {

// The number of channels must be a multiple of this.
inline constexpr std::int64_t kChannelsTogether = 8;

struct MapSize {
  std::int64_t images = 0, height = 0, width = 0, channels = 0;

  std::int64_t rows() const { return images * height * width; }
};

// Mean and biased variance of each channel, [D].
void ChannelMoments(const float* map, const MapSize& size, float* mean, float* variance);

// output = map * factor + shift + other, where negative 0 with `relu`; `factor` and `shift` are
// [D], `other` is a map or null. `output` may be `map`.
void ScaleMap(const float* map, const MapSize& size, const float* factor, const float* shift,
              const float* other, bool relu, float* output);

// The greatest of each 2 x 2 pixels of max(map * factor + shift, 0): [B, H/2, W/2, D]. Height and
// width must be even. `winner`, as the output, tells which pixel that is, 0 to 3 line by
// line, or 4 where the output is 0.
void ScaleAndPoolMap(const float* map, const MapSize& size, const float* factor, const float* shift,
                     float* output, std::int32_t* winner);

// Sums over all rows of g and of g (map - mean), [D], where g is the gradient at rows where
// `output`, null or a map, is positive. `masked`, null or a map, gets g.
void SumGradients(const float* gradient, const float* map, const MapSize& size, const float* mean,
                  const float* output, float* masked, float* sum, float* product);

// by_map = a g + b map + c with g as above and a, b, c [D].
void CombineGradients(const float* gradient, const float* map, const MapSize& size,
                      const float* output, const float* a, const float* b, const float* c,
                      float* by_map);

// The same two after pooling: g is the gradient [B, H/2, W/2, D] at the winners and 0 elsewhere.
void SumPooledGradients(const float* gradient, const float* map, const MapSize& size,
                        const float* mean, const std::int32_t* winner, float* sum, float* product);
void CombinePooledGradients(const float* gradient, const float* map, const MapSize& size,
                            const std::int32_t* winner, const float* a, const float* b,
                            const float* c, float* by_map);

}  // namespace duet::tasks
