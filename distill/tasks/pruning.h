// Networks with most weights at zero.
//
// Weights are those of convolutions and linear layers; biases and what batch normalisation has
// stay.
#pragma once

#include <cstdint>
#include <span>

#include "agents/tensor.h"
#include "core/fields.h"
#include "distill/tasks/networks/parameter_layout.h"

namespace duet::tasks {

enum class PruningScope {
  kGlobal,  // the smallest of all weights of a member
  kLayer,   // the smallest of each layer, the same share of it everywhere
};

inline constexpr core::Option<PruningScope> kPruningScopes[] = {{"global", PruningScope::kGlobal},
                                                                {"layer", PruningScope::kLayer}};

struct PruningConfig {
  double sparsity = 0.9;  // share of weights at zero, in [0, 1)
  PruningScope scope = PruningScope::kGlobal;

  bool operator==(const PruningConfig&) const = default;
};
void VisitFields(core::FieldVisitor& v, PruningConfig& c);

// Which parameters of each member stay: 1, or 0 for the weights of smallest magnitude
// (arXiv:1506.02626), [M, P] as the parameters. Exactly the rounded share of each member's weights,
// or of each layer's, is 0; among equals the first go first. What an earlier mask `within` took
// away stays away, so that pruning may go on in rounds.
Tensor MagnitudeMask(const PruningConfig& config, std::span<const ParameterBlock> layout,
                     const Tensor& parameters, const Tensor& within = {});

// Sets what the mask takes away to zero: after every optimizer step, whose momentum would bring it
// back. No gradient is recorded.
void ApplyMask(const Tensor& mask, Tensor& parameters);

// A lottery ticket (arXiv:1803.03635): the parameters become the initial ones that the mask leaves.
void Rewind(const Tensor& initial, const Tensor& mask, Tensor& parameters);

// Share of weights that are zero, [M] float64.
Tensor Sparsity(std::span<const ParameterBlock> layout, const Tensor& parameters);

}  // namespace duet::tasks
