// The samples of a batch that a gradient goes through.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agents/tensor.h"

namespace duet::agents {

// The samples of each member whose gradient by a network's output is not 0 in every entry. The
// gradients by all that is below are 0 for the others, so that the products on the way down need
// only these: of two critics the smaller one alone has a gradient at a sample. A packed tensor has
// them first. Elsewhere than in the CPU's memory all samples count as live, as there nobody may ask
// what a number is, and packed tensors are as they were.
class LiveSamples {
 public:
  LiveSamples() = default;  // all
  // [M, B, C]; NaN is not 0.
  explicit LiveSamples(const Tensor& gradient);

  // How many rows of each member a packed tensor fills, [M], or empty where that is all: its live
  // samples in order, then a few of zeros, since oneDNN makes machine code for every number of rows
  // that it meets.
  std::span<const std::int64_t> rows() const { return rows_; }

  // [M, B, …] both ways. What is behind the rows that are filled may be anything.
  Tensor Pack(const Tensor& values) const;
  // The other samples get zeros.
  Tensor Unpack(const Tensor& packed) const;

  // As those of host_loops.h, for a packed gradient and an output that is not.
  void ReluBackward(Tensor& packed, const Tensor& output) const;
  void TanhBackward(Tensor& packed, const Tensor& output) const;

 private:
  // Calls function(i, b) for each live sample: b is its row of [M * B, C], i that in a packed
  // tensor.
  template <typename Function>
  void ForEach(const Function& function) const;
  template <typename Loop>
  void ForEachRow(const Tensor& packed, const Tensor& output, const Loop& loop) const;

  bool all() const { return rows_.empty(); }

  std::int64_t batch_ = 0;
  std::vector<std::int64_t> samples_;  // of all members in order, each within its batch
  std::vector<std::int64_t> counts_;   // per member
  std::vector<std::int64_t> rows_;     // counts_ rounded up
};

}  // namespace duet::agents
