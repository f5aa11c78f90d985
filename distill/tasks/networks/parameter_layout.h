// Where the parameters of a network's layers lie in a row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agents/tensor.h"

namespace duet::tasks {

using agents::Tensor;

enum class ParameterKind {
  kConvolution,  // weight [outputs, inputs, height, width]
  kLinear,       // weight [outputs, inputs]
  kBias,         // [outputs] of either
  kScale,        // [channels] of batch normalisation
  kShift,        // [channels] of batch normalisation
  kStatistics,   // [channels] running mean or variance; of buffers alone
};

// How parameters start.
enum class Start {
  kZero,
  kOne,
  kUniform,  // in ±1/sqrt(inputs)
  kNormal,   // variance 2 / (kernel area * outputs)
};

// One tensor of a network: `size()` numbers from `offset` on in each row.
struct ParameterBlock {
  std::string name;  // "conv1.weight", "stage2.block1.conv1.scale"
  ParameterKind kind = ParameterKind::kBias;
  std::int64_t offset = 0;
  std::vector<std::int64_t> shape;  // of one member
  std::int64_t inputs = 1;          // numbers that each output is a sum of
  Start start = Start::kZero;

  std::int64_t size() const;
  // Whether pruning and quantisation are about it: of a convolution or a linear layer.
  bool is_weight() const {
    return kind == ParameterKind::kConvolution || kind == ParameterKind::kLinear;
  }
  // The block's view of rows [M, …]: [M, size()].
  Tensor Rows(const Tensor& rows) const;
};

}  // namespace duet::tasks
