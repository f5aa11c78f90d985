// One pass from stored pixels to a network's input.
#pragma once

#include <cstdint>
#include <vector>

#include "distill/tasks/data/augmentation.h"
#include "distill/tasks/data/image_set.h"
#include "distill/tasks/data/normalization.h"

namespace duet::tasks {

// Writes views of one set's images. May be used by several threads.
class ViewWriter {
 public:
  // Keeps the pixels open. Throws std::invalid_argument where the normalisation has another number
  // of channels.
  ViewWriter(const ImageSet& set, const Normalization& normalization);

  // Writes D * H * W floats. Pixels that a crop takes from outside the image are black before
  // normalising.
  void Write(std::int64_t row, const View& view, float* out) const;

  std::int64_t floats() const { return channels_ * height_ * width_; }

 private:
  Tensor pixels_;
  std::int64_t channels_;
  std::int64_t height_;
  std::int64_t width_;
  std::vector<float> scale_;  // pixel * scale + shift
  std::vector<float> shift_;
};

}  // namespace duet::tasks
