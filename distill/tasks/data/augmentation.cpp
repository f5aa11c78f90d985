#include "distill/tasks/data/augmentation.h"

#include <algorithm>
#include <cmath>

namespace duet::tasks {
namespace {

constexpr std::int64_t kLargestPadding = 64;
// Offsets as 0, 1, -1, 2, -2, … are 0, 1, 2, 3, 4, …, fewer than this.
constexpr std::int64_t kOffsetCodes = 256;

std::int64_t EncodeOffset(std::int64_t offset) { return offset > 0 ? 2 * offset - 1 : -2 * offset; }

std::int64_t DecodeOffset(std::int64_t code) { return code % 2 == 1 ? (code + 1) / 2 : -code / 2; }

// A box of the share 1 - share of the area around a uniform centre, clipped to the image.
void DrawBox(Mix& mix, std::int64_t height, std::int64_t width, core::Rng& rng) {
  const double side = std::sqrt(1.0 - mix.share);
  const auto half_height = static_cast<std::int64_t>(side * static_cast<double>(height)) / 2;
  const auto half_width = static_cast<std::int64_t>(side * static_cast<double>(width)) / 2;
  const std::int64_t y = rng.Index(height), x = rng.Index(width);
  mix.top = std::max<std::int64_t>(y - half_height, 0);
  mix.bottom = std::min(y + half_height, height);
  mix.left = std::max<std::int64_t>(x - half_width, 0);
  mix.right = std::min(x + half_width, width);
  const auto area = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
  mix.share = 1.0 - area / static_cast<double>(height * width);
}

}  // namespace

void VisitFields(core::FieldVisitor& v, AugmentationConfig& c) {
  v.Field("crop_padding", c.crop_padding, {0, kLargestPadding},
          "black pixels around an image, of which a crop of its size is taken");
  v.Field("flip", c.flip, "mirror half of the images left to right");
  v.Field("mixup_alpha", c.mixup_alpha, {0.0, 100.0},
          "MixUp: the share of the first image is from Beta(alpha, alpha); 0: off");
  v.Field("mixup_portion", c.mixup_portion, {0.0, 1.0}, "share of a batch that is mixed");
  v.Field("cutmix_alpha", c.cutmix_alpha, {0.0, 100.0},
          "CutMix: what the pasted box leaves is from Beta(alpha, alpha); 0: off");
}

std::int64_t EncodeView(const View& view) {
  return (EncodeOffset(view.top) * kOffsetCodes + EncodeOffset(view.left)) * 2 +
         (view.flipped ? 1 : 0);
}

View DecodeView(std::int64_t code) {
  const std::int64_t offsets = code / 2;
  return {DecodeOffset(offsets / kOffsetCodes), DecodeOffset(offsets % kOffsetCodes),
          code % 2 == 1};
}

View DrawView(const AugmentationConfig& config, core::Rng& rng) {
  View view;
  const std::int64_t padding = config.crop_padding;
  if (padding > 0) {
    view.top = rng.Index(2 * padding + 1) - padding;
    view.left = rng.Index(2 * padding + 1) - padding;
  }
  if (config.flip) view.flipped = rng.Index(2) == 1;
  return view;
}

Mix DrawMix(const AugmentationConfig& config, std::int64_t height, std::int64_t width,
            core::Rng& rng) {
  Mix mix;
  const bool mixup = config.mixup_alpha > 0.0, cutmix = config.cutmix_alpha > 0.0;
  if (!mixup && !cutmix) return mix;
  mix.active = true;
  mix.box = cutmix && (!mixup || rng.Index(2) == 1);
  const double alpha = mix.box ? config.cutmix_alpha : config.mixup_alpha;
  mix.share = rng.Beta(alpha, alpha);
  if (mix.box) DrawBox(mix, height, width, rng);
  return mix;
}

}  // namespace duet::tasks
