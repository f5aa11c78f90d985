#include "agents/soft_actor.h"

#include <gtest/gtest.h>

#include "tests/agents/support.h"

namespace duet::agents {
namespace {

// Critics of two members, drawn.
template <typename Critics>
Critics Drawn(Critics critics) {
  std::vector<core::Rng> rngs = MemberStreams(std::vector<std::uint64_t>{1, 2}, "critics");
  critics.Initialize(rngs, {});
  return critics;
}

// Beside central differences along a few directions, in float32.
template <typename Network>
void ExpectSlopes(const TwinCriticsOf<Network>& critics, LogStdBounds bounds) {
  const Tensor output = RandomTensor({2, 5, 4}, 1), noise = RandomTensor({2, 5, 2}, 2);
  const Tensor observations = RandomTensor({2, 5, 3}, 3);
  const Tensor temperatures = at::tensor({0.3F, 2.0F}).view({2, 1});
  const auto loss = [&](const Tensor& at) {
    return DifferentiateSoftActor(at, bounds, noise, temperatures, critics, observations);
  };
  const SoftActorLoss found = loss(output);
  for (std::uint64_t seed = 4; seed < 9; ++seed) {
    const Tensor direction = RandomTensor(output.sizes(), seed);
    const double step = 1e-3;
    const Tensor slopes =
        (loss(output + direction * step).losses - loss(output - direction * step).losses) /
        (2.0 * step);
    EXPECT_LT(LargestDifference(slopes, (found.by_output * direction).sum({1, 2})), 2e-3) << seed;
  }
}

TEST(SoftActorTest, TheGradientIsThatOfTheLossWithEitherKindOfCritics) {
  const AgentSpec spec = SmallSpec();
  const MlpShape shape = TwinShape(spec, {8});
  for (const LogStdBounds bounds : {LogStdBounds::kClamp, LogStdBounds::kRescale}) {
    ExpectSlopes(Drawn(TwinCriticsOf<Mlp>({shape, at::kCPU}, {})), bounds);
    ExpectSlopes(Drawn(TwinCriticsOf<BatchRenormMlp>({shape, {}, at::kCPU}, {})), bounds);
  }
}

TEST(SoftActorTest, TheEntropyAtTheModeIsNearThatOfDrawsOfANarrowPolicy) {
  const Tensor location = RandomTensor({1, 1, 2}, 1);
  const Tensor log_std = at::full({1, 1, 2}, -3.0);
  const Tensor noise = RandomTensor({1, 20'000, 2}, 2);
  const auto sample = SampleTanhGaussian({location, log_std}, noise);
  EXPECT_NEAR(EntropyAtMode({location.tanh(), log_std, location}).item<double>(),
              -sample.log_probs.mean().item<double>(), 0.03);
}

}  // namespace
}  // namespace duet::agents
