#include "distill/tasks/pruning.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <optional>
#include <vector>

#include "agents/without_autograd.h"

namespace duet::tasks {
namespace {

// Places of the weights in a row, [number of weights] int64.
Tensor Places(std::span<const ParameterBlock> layout, at::Device device) {
  std::vector<Tensor> places;
  for (const ParameterBlock& block : layout) {
    if (!block.is_weight()) continue;
    places.push_back(at::arange(block.offset, block.offset + block.size(),
                                at::TensorOptions().dtype(at::kLong).device(device)));
  }
  return at::cat(places);
}

// Clears the share of the places with the smallest magnitudes, in each row.
void Clear(const Tensor& mask, const Tensor& magnitudes, const Tensor& places, double share) {
  const auto count = std::llround(share * static_cast<double>(places.size(0)));
  const Tensor order =
      std::get<1>(at::sort(magnitudes.index_select(1, places), std::optional<bool>(true), 1));
  const Tensor smallest = order.narrow(1, 0, count);
  mask.scatter_(1, places.index_select(0, smallest.flatten()).view(smallest.sizes()), 0.0);
}

}  // namespace

void VisitFields(core::FieldVisitor& v, PruningConfig& c) {
  v.Field("sparsity", c.sparsity, {0.0, 0.9999}, "share of weights at zero");
  v.Choice("scope", c.scope, kPruningScopes, "over which the smallest weights are sought");
}

Tensor MagnitudeMask(const PruningConfig& config, std::span<const ParameterBlock> layout,
                     const Tensor& parameters, const Tensor& within) {
  const agents::WithoutAutograd no_autograd;
  Tensor mask = within.defined() ? within.clone() : at::ones_like(parameters);
  // What is away already is smaller than all.
  const Tensor magnitudes = parameters.abs() * mask + (mask - 1.0);
  if (config.scope == PruningScope::kGlobal) {
    Clear(mask, magnitudes, Places(layout, parameters.device()), config.sparsity);
    return mask;
  }
  for (const ParameterBlock& block : layout) {
    if (!block.is_weight()) continue;
    Clear(mask, magnitudes, Places({&block, 1}, parameters.device()), config.sparsity);
  }
  return mask;
}

void ApplyMask(const Tensor& mask, Tensor& parameters) {
  const agents::WithoutAutograd no_autograd;
  parameters.mul_(mask);
}

void Rewind(const Tensor& initial, const Tensor& mask, Tensor& parameters) {
  const agents::WithoutAutograd no_autograd;
  at::mul_out(parameters, initial, mask);
}

Tensor Sparsity(std::span<const ParameterBlock> layout, const Tensor& parameters) {
  const agents::WithoutAutograd no_autograd;
  const Tensor weights = parameters.index_select(1, Places(layout, parameters.device()));
  return weights.eq(0.0).to(at::kDouble).mean(1);
}

}  // namespace duet::tasks
