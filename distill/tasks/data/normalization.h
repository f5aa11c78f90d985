// From pixels in [0, 255] to numbers that networks like.
#pragma once

#include <vector>

#include "distill/tasks/data/image_set.h"

namespace duet::tasks {

// A pixel p of channel d becomes (p / 255 - mean[d]) / std[d].
struct Normalization {
  std::vector<double> mean;  // one for each channel
  std::vector<double> std;   // one for each channel, > 0
};

// The mean and the standard deviation of every channel over all pixels of a set, so that they
// become 0 and 1. A channel of one colour keeps its scale. Requires at least one sample.
Normalization MeasureNormalization(const ImageSet& set);

// [0, 255] becomes [-1, 1], whatever the set.
Normalization SymmetricNormalization(std::int64_t channels);

}  // namespace duet::tasks
