#include "agents/initialization.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, InitializationConfig& c) {
  static constexpr core::Option<InitializationKind> kKinds[] = {
      {"uniform", InitializationKind::kUniform}, {"orthogonal", InitializationKind::kOrthogonal}};
  v.Choice("initialization", c.kind, kKinds, "of layers: as PyTorch's Linear, or orthogonal");
  v.Field("orthogonal_gain", c.orthogonal_gain, {0.0, 100.0, true},
          "gain of hidden layers, orthogonal only");
  v.Field("final_layer_scale", c.final_layer_scale, {0.0, 10.0},
          "uniform: last layers start in +-this, 0: as the others; orthogonal: their gain, 0: 1");
}

template <typename Network>
void Initialize(Network& network, std::span<core::Rng> rngs, const InitializationConfig& config) {
  switch (config.kind) {
    case InitializationKind::kUniform:
      return network.Initialize(rngs, config.final_layer_scale);
    case InitializationKind::kOrthogonal:
      return network.InitializeOrthogonal(
          rngs, config.orthogonal_gain,
          config.final_layer_scale > 0.0 ? config.final_layer_scale : 1.0);
  }
}

template void Initialize(Mlp&, std::span<core::Rng>, const InitializationConfig&);
template void Initialize(BatchRenormMlp&, std::span<core::Rng>, const InitializationConfig&);

}  // namespace duet::agents
