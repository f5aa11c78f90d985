#include "runners/learner_bench.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/config_reader.h"
#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::runners {
namespace {

LearnerBenchSettings Settings(agents::Algorithm algorithm) {
  LearnerBenchSettings settings;
  settings.agent.algorithm = algorithm;
  settings.env.id = "HalfCheetah-v5";
  settings.rounds = 1;
  settings.round_seconds = 0.001;
  return settings;
}

// The least that an update of 256x256 networks on batches of 256 takes: no critic's gradients in
// the actor's step, no gradient by the first layer's input, and at each sample none through the
// larger critic of SAC's actor (0.577 with both).
TEST(LearnerBenchTest, AnUpdateHasNoProductThatNobodyNeeds) {
  for (const auto& [algorithm, gflop] :
       {std::pair(agents::Algorithm::kDdpg, 0.361), std::pair(agents::Algorithm::kTd3, 0.415),
        std::pair(agents::Algorithm::kSac, 0.546)}) {
    const LearnerBench bench = MeasureLearner(Settings(algorithm));
    EXPECT_LE(bench.product_gflop, gflop);
    EXPECT_GT(bench.product_gflop, 0.98 * gflop);
  }
}

TEST(LearnerBenchTest, EveryAgentIsMeasuredWithItsLoop) {
  for (const std::string_view name : agents::AlgorithmNames()) {
    LearnerBenchSettings settings;
    core::ConfigFile(fmt::format("algorithm = \"{}\"\nhidden = [8]\n", name), "bench", {})
        .Read(settings.agent);
    const bool discrete = !agents::CanAct(settings.agent.algorithm, /*discrete=*/false);
    settings.agent.ppo.rollout_steps = 64;
    settings.agent.crossq.critic_hidden = {8};
    settings.env.id = discrete ? "CartPole-v1" : "InvertedPendulum-v5";
    settings.members = 2;
    settings.threads = 2;
    settings.loop = settings.overlap = true;
    settings.rounds = 1;
    settings.round_seconds = 0.001;
    const LearnerBench bench = MeasureLearner(settings);
    EXPECT_GT(bench.update_seconds, 0.0) << name;
    EXPECT_GT(bench.product_seconds, 0.0) << name;
    EXPECT_GT(bench.ratio, 0.0) << name;
    EXPECT_GT(bench.loop_steps_per_second, 0.0) << name;
    EXPECT_GT(bench.limit_seconds, 0.0) << name;
    EXPECT_EQ(bench.loop_ratio > 0.0, name != "ppo") << name;
  }
}

TEST(LearnerBenchTest, AnAgentThatCannotActThereIsRefused) {
  EXPECT_EQ(
      support::MessageOf<ConfigError>([] { MeasureLearner(Settings(agents::Algorithm::kDqn)); }),
      "--agent dqn cannot act in HalfCheetah-v5, whose actions are numbers; allowed is ddpg, "
      "ppo, td3, sac, crossq");
}

}  // namespace
}  // namespace duet::runners
