// A generated set of images: one of ten shapes on each, drawn by seed.
#pragma once

#include <cstdint>

#include "core/fields.h"
#include "distill/tasks/data/image_set.h"

namespace duet::tasks {

struct ShapesConfig {
  std::int64_t size = 24;            // pixels of a side
  std::int64_t classes = 10;         // the first so many shapes
  std::int64_t train_images = 6000;  // of the training part
  std::int64_t test_images = 2000;   // of the test part
  double noise = 0.15;               // standard deviation of a pixel, of the whole range
  std::int64_t distractors = 2;      // lines and dots over each image, at most
  std::int64_t seed = 0;             // which images
};
void VisitFields(core::FieldVisitor& v, ShapesConfig& c);

// Three colour channels. Image i of a part depends on the seed, the part and i alone; labels take
// turns, so every prefix is balanced.
ImageSet DrawShapes(const ShapesConfig& config, bool test_part);

}  // namespace duet::tasks
