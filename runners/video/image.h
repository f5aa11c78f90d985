// One picture in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace duet::video {

// The size of a picture, pixels, both above 0.
struct Size {
  int width = 0;
  int height = 0;

  friend bool operator==(const Size&, const Size&) = default;
};

// Rows from top to bottom, three bytes (red, green, blue) per pixel, no padding.
class Image {
 public:
  explicit Image(Size size)
      : size_(size), bytes_(3 * static_cast<std::size_t>(size.width) * size.height) {}

  Size size() const { return size_; }
  std::size_t row_bytes() const { return 3 * static_cast<std::size_t>(size_.width); }
  std::span<std::uint8_t> bytes() { return bytes_; }
  std::span<const std::uint8_t> bytes() const { return bytes_; }
  std::span<std::uint8_t> row(int y) {
    return std::span(bytes_).subspan(static_cast<std::size_t>(y) * row_bytes(), row_bytes());
  }
  std::span<const std::uint8_t> row(int y) const {
    return std::span(bytes_).subspan(static_cast<std::size_t>(y) * row_bytes(), row_bytes());
  }
  // Red, green and blue at column x and row y.
  std::span<const std::uint8_t, 3> pixel(int x, int y) const {
    return row(y).subspan(3 * static_cast<std::size_t>(x)).first<3>();
  }

 private:
  Size size_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace duet::video
