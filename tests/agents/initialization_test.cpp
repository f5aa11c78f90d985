#include "agents/initialization.h"

#include <cmath>

#include "agents/members.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

Mlp Initialized(const InitializationConfig& config) {
  Mlp network({.members = 2, .input = 9, .hidden = {16}, .output = 4}, at::kCPU);
  std::vector<core::Rng> rngs = MemberStreams(std::vector<std::uint64_t>{1, 2}, "initialization");
  Initialize(network, rngs, config);
  return network;
}

TEST(InitializationTest, UniformLayersLieWithinOneOverTheRootOfTheirInputs) {
  const Mlp network = Initialized({});
  for (const std::int64_t layer : {0, 1}) {
    const double bound = 1.0 / std::sqrt(layer == 0 ? 9.0 : 16.0);
    const double largest = network.weight(layer).abs().max().item<double>();
    EXPECT_LE(largest, bound);
    EXPECT_GT(largest, 0.9 * bound);
    EXPECT_GT(network.bias(layer).abs().max().item<double>(), 0.5 * bound);
  }
}

TEST(InitializationTest, OrthogonalLayersHaveTheirGains) {
  const Mlp network = Initialized(
      {.kind = InitializationKind::kOrthogonal, .orthogonal_gain = 1.5, .final_layer_scale = 0.01});
  const Tensor first = network.weight(0)[1];     // [9, 16], orthogonal rows
  const Tensor last = network.weight(1)[1].t();  // [4, 16]
  EXPECT_LT(LargestDifference(first.mm(first.t()), 1.5 * 1.5 * at::eye(9)), 1e-5);
  EXPECT_LT(LargestDifference(last.mm(last.t()), 1e-4 * at::eye(4)), 1e-8);
  EXPECT_EQ(network.bias(0).abs().max().item<double>(), 0.0);
  const Tensor plain = Initialized({.kind = InitializationKind::kOrthogonal}).weight(1)[1].t();
  EXPECT_LT(LargestDifference(plain.mm(plain.t()), at::eye(4)), 1e-5);
}

TEST(InitializationTest, LayersWithBatchRenormalisationStartAsThoseWithout) {
  for (const InitializationKind kind :
       {InitializationKind::kUniform, InitializationKind::kOrthogonal}) {
    const InitializationConfig config = {.kind = kind, .final_layer_scale = 0.01};
    const Mlp plain = Initialized(config);
    BatchRenormMlp network(plain.shape(), {}, at::kCPU);
    std::vector<core::Rng> rngs = MemberStreams(std::vector<std::uint64_t>{1, 2}, "initialization");
    Initialize(network, rngs, config);
    for (const std::int64_t layer : {0, 1}) {
      EXPECT_TRUE(network.weight(layer).equal(plain.weight(layer)));
      EXPECT_TRUE(network.bias(layer).equal(plain.bias(layer)));
      EXPECT_TRUE(network.scale(layer).eq(1.0).all().item<bool>());
    }
  }
}

}  // namespace
}  // namespace duet::agents
