// Small operations of learners as loops over the CPU's memory. Beside a network of 64 units a call
// of LibTorch costs more than its arithmetic, so that here one loop does what takes several calls
// elsewhere. LibTorch's operations stay next to each loop: other devices need them, and a test
// compares both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agents/tensor.h"

namespace duet::agents {

// Whether loops may do what is asked of this tensor: it lies in the CPU's memory, and nobody
// differentiates through what is done with it.
bool OnHost(const Tensor& tensor);

// While one lives, this process does everything through ATen, as on a GPU: for tests.
class AtenOnly {
 public:
  AtenOnly();
  ~AtenOnly();
  AtenOnly(const AtenOnly&) = delete;
  AtenOnly& operator=(const AtenOnly&) = delete;
};

// The numbers of a float tensor of the host with up to three axes, by their indices. The tensor
// must outlive it.
class HostNumbers {
 public:
  explicit HostNumbers(const Tensor& tensor) : data_(tensor.mutable_data_ptr<float>()) {
    for (std::int64_t axis = 0; axis < tensor.dim(); ++axis) {
      strides_[static_cast<std::size_t>(axis)] = tensor.size(axis) > 1 ? tensor.stride(axis) : 0;
    }
  }

  // An axis of size 1 has the same number at every index.
  float& operator()(std::int64_t m, std::int64_t b = 0, std::int64_t i = 0) const {
    return data_[m * strides_[0] + b * strides_[1] + i * strides_[2]];
  }

 private:
  float* data_;
  std::array<std::int64_t, 3> strides_ = {};
};

// Memory for what an update makes on its way, which the next one uses again: LibTorch takes as long
// to make a small tensor as a product takes.
class Scratch {
 public:
  // While one lives, EmptyLike in this thread takes memory of `scratch`, in the order of the calls.
  class Scope {
   public:
    explicit Scope(Scratch& scratch);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Scratch* const before_;
  };

 private:
  friend Tensor EmptyLike(const Tensor& like, at::IntArrayRef sizes);
  Tensor Take(at::IntArrayRef sizes);

  std::vector<Tensor> tensors_;
  std::size_t next_ = 0;
};

// A tensor of these sizes, of the type and on the device of `like`, with any numbers in it. What
// outlives the scope of a scratch stays untouched, though it lies there.
Tensor EmptyLike(const Tensor& like, at::IntArrayRef sizes);

// [M, B, C] and [M, B, D] side by side, `copies` times for each member: [copies * M, B, C + D].
Tensor JoinColumns(const Tensor& left, const Tensor& right, std::int64_t copies = 1);

// All entries times a factor.
Tensor Scaled(const Tensor& values, double factor);

// e to each of a few numbers.
Tensor Exp(const Tensor& values);

// Writes the sums over the batch, [M, B, C] -> [M, 1, C].
void SumBatchOut(const Tensor& sums, const Tensor& values);

// Turns a gradient by the output of an activation into one by its input; both are [M, B, C] without
// gaps between rows.
void ReluBackward(Tensor& gradient, const Tensor& output);
void TanhBackward(Tensor& gradient, const Tensor& output);
// The same for numbers in the CPU's memory.
void ReluBackward(float* gradient, const float* output, std::int64_t count);
void TanhBackward(float* gradient, const float* output, std::int64_t count);

// The 2-norm of each row, [M, P] -> [M].
Tensor RowNorms(const Tensor& rows);
// Multiplies each row, [M, P], by its factor, [M].
void ScaleRows(Tensor& rows, const Tensor& factors);

// Moves each row, [M, P], by a share of its way towards another.
void MoveTowards(Tensor& rows, const Tensor& targets, double share);

// The mean over the batch times a factor, [M, B] -> [M].
Tensor ScaledBatchMeans(const Tensor& values, double factor);

// Whether all entries of a float tensor without gaps are finite.
bool AllFinite(const Tensor& values);

}  // namespace duet::agents
