#include "distill/tasks/compression.h"

#include <ATen/ops/full_like.h>
#include <ATen/ops/zeros.h>

#include "agents/members.h"
#include "distill/tasks/pruning.h"
#include "distill/tasks/quantization.h"

namespace duet::tasks {

Compression::Compression(const CompressionConfig& config, std::span<const ParameterBlock> layout,
                         const Tensor& mask_source)
    : config_(config), layout_(layout) {
  if (config.pruning.sparsity > 0.0) mask_ = MagnitudeMask(config.pruning, layout, mask_source);
}

Tensor Compression::InUse(const Tensor& parameters) const {
  return config_.bits == 0 ? parameters : QuantizeWeights(layout_, parameters, config_.bits);
}

void Compression::Prune(Tensor& parameters) const {
  if (mask_.defined()) ApplyMask(mask_, parameters);
}

std::vector<double> Compression::Sizes(const Tensor& parameters) const {
  Tensor size = at::zeros({parameters.size(0)}, parameters.options().dtype(at::kDouble));
  for (const ParameterBlock& block : layout_) {
    const double bits =
        block.is_weight() && config_.bits > 0 ? static_cast<double>(config_.bits) : 32.0;
    const Tensor count = block.is_weight() && mask_.defined()
                             ? block.Rows(parameters).ne(0.0).sum(1).to(at::kDouble)
                             : at::full_like(size, static_cast<double>(block.size()));
    size += count * (bits / 32.0);
  }
  return agents::Numbers(size);
}

}  // namespace duet::tasks
