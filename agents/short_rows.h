// Copies of a few numbers, of which std::copy_n makes a call each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace duet::agents {

// Copies `count` numbers and returns where the next one would go. The two places do not overlap.
inline float* CopyRow(const float* __restrict from, std::int64_t count, float* __restrict to) {
  constexpr std::int64_t kMany = 32;
  if (count >= kMany) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return to + count;
  }
  const auto copy = [&]<std::size_t kNumbers>() {
    std::memcpy(to, from, kNumbers * sizeof(float));
    to += kNumbers;
    from += kNumbers;
  };
  if ((count & 16) != 0) copy.operator()<16>();
  if ((count & 8) != 0) copy.operator()<8>();
  if ((count & 4) != 0) copy.operator()<4>();
  if ((count & 2) != 0) copy.operator()<2>();
  if ((count & 1) != 0) copy.operator()<1>();
  return to;
}

}  // namespace duet::agents
