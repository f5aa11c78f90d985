#include "distill/tasks/data/view_writer.h"

#include <algorithm>
#include <stdexcept>

namespace duet::tasks {
namespace {

constexpr double kWhite = 255.0;

// Neighbouring pixels are the usual case and the one that is vectorised.
void WriteRow(const std::uint8_t* pixels, std::int64_t step, std::int64_t count, float scale,
              float shift, float* out) {
  if (step == 1) {
    for (std::int64_t x = 0; x < count; ++x) out[x] = static_cast<float>(pixels[x]) * scale + shift;
    return;
  }
  for (std::int64_t x = 0; x < count; ++x) {
    out[x] = static_cast<float>(pixels[x * step]) * scale + shift;
  }
}

}  // namespace

ViewWriter::ViewWriter(const ImageSet& set, const Normalization& normalization)
    : pixels_(set.pixels), channels_(set.channels()), height_(set.height()), width_(set.width()) {
  const auto count = static_cast<std::size_t>(channels_);
  if (normalization.mean.size() != count || normalization.std.size() != count) {
    throw std::invalid_argument(set.name + ": the normalisation is for other channels");
  }
  for (std::size_t d = 0; d < count; ++d) {
    scale_.push_back(static_cast<float>(1.0 / (kWhite * normalization.std[d])));
    shift_.push_back(static_cast<float>(-normalization.mean[d] / normalization.std[d]));
  }
}

void ViewWriter::Write(std::int64_t row, const View& view, float* out) const {
  const std::int64_t step = view.flipped ? -pixels_.stride(3) : pixels_.stride(3);
  // The columns of the crop that lie in the image, [first, first + count).
  const std::int64_t first = std::clamp<std::int64_t>(-view.left, 0, width_);
  const std::int64_t count = std::clamp<std::int64_t>(width_ - view.left, first, width_) - first;
  const std::int64_t left = view.flipped ? width_ - first - count : first;
  const std::int64_t from = view.flipped ? first + count - 1 : first;
  const std::uint8_t* image =
      static_cast<const std::uint8_t*>(pixels_.const_data_ptr()) + row * pixels_.stride(0);
  for (std::int64_t d = 0; d < channels_; ++d) {
    const float scale = scale_[static_cast<std::size_t>(d)];
    const float black = shift_[static_cast<std::size_t>(d)];
    for (std::int64_t y = 0; y < height_; ++y, out += width_) {
      const std::int64_t source = y + view.top;
      if (source < 0 || source >= height_ || count == 0) {
        std::fill_n(out, width_, black);
        continue;
      }
      std::fill_n(out, left, black);
      WriteRow(image + d * pixels_.stride(1) + source * pixels_.stride(2) +
                   (from + view.left) * pixels_.stride(3),
               step, count, scale, black, out + left);
      std::fill(out + left + count, out + width_, black);
    }
  }
}

}  // namespace duet::tasks
