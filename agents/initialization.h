// How networks start.
#pragma once

#include <span>

#include "agents/batch_renorm_mlp.h"
#include "agents/mlp.h"
#include "core/fields.h"
#include "core/random.h"

namespace duet::agents {

enum class InitializationKind {
  kUniform,  // PyTorch's Linear: ±1/sqrt(inputs); what CleanRL and Stable-Baselines3 use off-policy
  kOrthogonal,  // arXiv:1312.6120, biases 0
};

struct InitializationConfig {
  InitializationKind kind = InitializationKind::kUniform;
  double orthogonal_gain = 1.4142135623730951;  // of hidden layers; sqrt(2) suits ReLU
  // Uniform: last layers start in ±this, 0: as the others. Orthogonal: their gain, 0: 1.
  double final_layer_scale = 0.0;
};
// The settings "initialization", "orthogonal_gain" and "final_layer_scale" of the present section.
void VisitFields(core::FieldVisitor& v, InitializationConfig& c);

// Draws all layers of every member from the member's own stream; free parameters stay.
template <typename Network>
void Initialize(Network& network, std::span<core::Rng> rngs, const InitializationConfig& config);

extern template void Initialize(Mlp&, std::span<core::Rng>, const InitializationConfig&);
extern template void Initialize(BatchRenormMlp&, std::span<core::Rng>, const InitializationConfig&);

}  // namespace duet::agents
