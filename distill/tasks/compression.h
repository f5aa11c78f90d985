// What a model's settings make of its parameters: pruned weights, weights of few bits.
#pragma once

#include <span>
#include <vector>

#include "distill/tasks/networks/parameter_layout.h"
#include "distill/tasks/task_config.h"

namespace duet::tasks {

class Compression {
 public:
  // Parameters are [M, P] of this layout, which must outlive it. Where the settings prune, the mask
  // is that of `mask_source` [M, P].
  Compression(const CompressionConfig& config, std::span<const ParameterBlock> layout,
              const Tensor& mask_source);

  // The parameters as the network uses them: quantised weights in their few values, where gradients
  // go straight through (arXiv:1308.3432).
  Tensor InUse(const Tensor& parameters) const;

  // Sets pruned weights to zero, at the start and after every step. No gradient is recorded.
  void Prune(Tensor& parameters) const;

  // Numbers of 32 bits that would hold each member's parameters: pruned weights count nothing,
  // quantised ones by their bits. [M]
  std::vector<double> Sizes(const Tensor& parameters) const;

 private:
  CompressionConfig config_;
  std::span<const ParameterBlock> layout_;
  Tensor mask_;  // [M, P] of weights that stay; undefined where nothing is pruned
};

}  // namespace duet::tasks
