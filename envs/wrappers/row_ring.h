// The last few rows of something, in memory that is asked for once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "envs/state_bytes.h"

namespace duet::envs {

template <typename Number>
class RowRing {
 public:
  // Room for `num_rows` > 0 rows of `width` numbers; all zero.
  RowRing(std::int64_t num_rows, std::int64_t width)
      : num_rows_(static_cast<std::size_t>(num_rows)),
        width_(static_cast<std::size_t>(width)),
        numbers_(num_rows_ * width_) {}

  // Takes the place of the oldest row.
  void Push(std::span<const Number> row) {
    std::ranges::copy(row, numbers_.begin() + static_cast<std::ptrdiff_t>(oldest_ * width_));
    oldest_ = (oldest_ + 1) % num_rows_;
  }
  void Fill(std::span<const Number> row) {
    for (std::size_t i = 0; i < num_rows_; ++i) Push(row);
  }

  std::size_t num_rows() const { return num_rows_; }
  // The i-th oldest row, [width].
  std::span<const Number> row(std::size_t i) const {
    return std::span(numbers_).subspan((oldest_ + i) % num_rows_ * width_, width_);
  }

  void Save(StateWriter& writer) const {
    for (std::size_t i = 0; i < num_rows_; ++i) writer.Add(row(i));
  }
  void Load(StateReader& reader) {
    oldest_ = 0;
    for (std::size_t i = 0; i < num_rows_; ++i) {
      reader.Fill(std::span(numbers_).subspan(i * width_, width_));
    }
  }

 private:
  std::size_t num_rows_;
  std::size_t width_;
  std::vector<Number> numbers_;  // [num_rows, width]
  std::size_t oldest_ = 0;
};

}  // namespace duet::envs
