// How a training image is changed before the network sees it.
#pragma once

#include <cstdint>

#include "core/fields.h"
#include "core/random.h"

namespace duet::tasks {

struct AugmentationConfig {
  std::int64_t crop_padding =
      0;                       // a crop of the image's size out of so many black pixels around it
  bool flip = false;           // mirrored left to right, half of the time
  double mixup_alpha = 0.0;    // share of the first image from Beta(alpha, alpha); 0: off
  double mixup_portion = 1.0;  // share of the batch that is mixed
  double cutmix_alpha = 0.0;   // the same for a pasted box, arXiv:1905.04899; 0: off
};
void VisitFields(core::FieldVisitor& v, AugmentationConfig& c);

// A crop that starts `top` rows and `left` columns from the image's corner, then maybe mirrored.
struct View {
  std::int64_t top = 0;   // in [-64, 64]
  std::int64_t left = 0;  // in [-64, 64]
  bool flipped = false;
  bool operator==(const View&) const = default;
};

// A view as one number >= 0, whatever the padding it was drawn with: equal numbers mean equal
// images of one sample, and 0 is the plain image.
std::int64_t EncodeView(const View& view);
View DecodeView(std::int64_t code);

// The next random view of a stream; the plain one where crop and flip are off.
View DrawView(const AugmentationConfig& config, core::Rng& rng);

// How the images of one member's batch are mixed: image i becomes
//   share * image_i + (1 - share) * image_j                         MixUp, Eq. 1 of
//   arXiv:1710.09412 image_i with the box [top, bottom) x [left, right) of image_j   CutMix, Eq. 1
//   of arXiv:1905.04899
struct Mix {
  bool active = false;
  bool box = false;                                       // CutMix
  double share = 1.0;                                     // of the first image, in [0, 1]
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;  // CutMix's box, in pixels
};

// One draw for a batch of images of that size. With both kinds on, each has half of the batches.
// CutMix's share is the area that its box, clipped to the image, leaves.
Mix DrawMix(const AugmentationConfig& config, std::int64_t height, std::int64_t width,
            core::Rng& rng);

}  // namespace duet::tasks
