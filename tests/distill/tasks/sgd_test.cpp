#include "distill/tasks/sgd.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/distill/tasks/networks/networks.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

Tensor Random(std::uint64_t seed) {
  std::vector<core::Rng> rngs(1, core::Rng(seed));
  return agents::DrawNormal(rngs, {2, 25}, at::kCPU);
}

// torch.optim.SGD in double precision, from its documentation.
TEST(SgdTest, IsThatOfItsDocumentation) {
  for (const SgdConfig& config :
       {SgdConfig{.momentum = 0.0, .weight_decay = 0.1}, SgdConfig{.momentum = 0.9},
        SgdConfig{.momentum = 0.8, .weight_decay = 0.1, .nesterov = true}}) {
    Tensor parameters = Random(1);
    Tensor expected = parameters.to(at::kDouble), velocity;
    Sgd sgd(config, parameters);
    for (std::uint64_t step = 0; step < 20; ++step) {
      const double rate = step < 10 ? 0.1 : 0.03;
      Tensor gradient = Random(10 + step);
      sgd.Step(parameters, gradient, rate);
      gradient = gradient.to(at::kDouble) + config.weight_decay * expected;
      velocity = velocity.defined() ? config.momentum * velocity + gradient : gradient;
      expected =
          expected - rate * (config.nesterov ? gradient + config.momentum * velocity : velocity);
      ASSERT_LT(LargestDifference(parameters, expected), 5e-6) << "step " << step;
    }
  }
}

TEST(SgdTest, ContinuesBitForBitAfterLoading) {
  Tensor parameters = Random(1);
  Sgd sgd({.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}, parameters);
  for (std::uint64_t step = 0; step < 5; ++step) sgd.Step(parameters, Random(step), 0.1);
  const auto archive = Written([&](core::ArchiveWriter& writer) { sgd.Save(writer, "sgd"); });
  Tensor other_parameters = parameters.clone();
  Sgd other({.momentum = 0.9, .weight_decay = 0.01, .nesterov = true}, other_parameters);
  other.Load(*archive, "sgd");
  sgd.Step(parameters, Random(9), 0.1);
  other.Step(other_parameters, Random(9), 0.1);
  EXPECT_TRUE(parameters.equal(other_parameters));
}

TEST(SgdTest, NesterovNeedsMomentum) {
  EXPECT_EQ(support::MessageOf<ConfigError>([] {
              Sgd({.momentum = 0.0, .nesterov = true}, at::zeros({1, 1}));
            }),
            "nesterov = true needs momentum > 0");
}

}  // namespace
}  // namespace duet::tasks
