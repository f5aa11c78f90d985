#include <ATen/Parallel.h>

#include "agents/crossq.h"
#include "agents/ddpg.h"
#include "agents/sac.h"
#include "agents/td3.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

// The best action at an observation of the one-step problem.
float BestAction(float observation) { return 0.6F * observation; }

const AgentSpec& OneStepSpec() {
  static const AgentSpec spec = {.envs = 8,
                                 .observation_size = 1,
                                 .action_size = 1,
                                 .member_seeds = {1, 2},
                                 .replay_capacity = 10'000};
  return spec;
}

// One-step episodes: the observation is uniform in [-1, 1], the reward -(action - best)^2.
void TrainOnOneStepProblem(Agent& agent) {
  at::set_num_threads(1);  // the networks are too small for more
  constexpr std::size_t kRows = 2 * 8;
  core::Rng rng(3);
  std::vector<float> observations(kRows), actions(kRows);
  std::vector<double> rewards(kRows);
  const std::vector<std::uint8_t> terminated(kRows, 1), truncated(kRows, 0);
  for (int step = 0; step < 1500; ++step) {
    for (float& x : observations) x = static_cast<float>(rng.Uniform(-1.0, 1.0));
    agent.Act(observations, step < 50 ? ActMode::kRandom : ActMode::kExplore, actions);
    for (std::size_t i = 0; i < kRows; ++i) {
      const double miss = actions[i] - BestAction(observations[i]);
      rewards[i] = -miss * miss;
    }
    agent.Observe({observations, actions, rewards, observations, terminated, truncated});
    if (step >= 50) agent.Update();
  }
}

Tensor Grid() {
  return at::linspace(-1.0, 1.0, 41).view({1, 41, 1}).expand({2, 41, 1}).contiguous();
}

// Within 0.1 of the best action on average; an untrained policy, near 0, misses it by 0.3.
void ExpectNearBestActions(const Agent& agent) {
  const Tensor grid = Grid();
  const Tensor misses =
      (agent.policy().Answer(grid).mean - grid * BestAction(1.0F)).abs().mean({1, 2});
  for (std::int64_t m = 0; m < 2; ++m) EXPECT_LT(misses[m].item<double>(), 0.1) << m;
}

TEST(DdpgLearningTest, FindsTheBestActionOfAOneStepProblem) {
  DdpgConfig config;
  config.hidden = {32, 32};
  config.batch_size = 64;
  config.noise.std = 0.3;
  const auto agent = MakeDdpg(config, OneStepSpec());
  TrainOnOneStepProblem(*agent);
  ExpectNearBestActions(*agent);
  // And the critic knows that the best action is worth 0.
  EXPECT_LT(agent->Value(Grid()).abs().mean().item<double>(), 0.1);
}

TEST(Td3LearningTest, FindsTheBestActionOfAOneStepProblem) {
  Td3Config config;
  config.hidden = {32, 32};
  config.batch_size = 64;
  config.noise.std = 0.3;
  config.actor_learning_rate = config.critic_learning_rate = 1e-3;
  const auto agent = MakeTd3(config, OneStepSpec());
  TrainOnOneStepProblem(*agent);
  ExpectNearBestActions(*agent);
  EXPECT_LT(agent->Value(Grid()).abs().mean().item<double>(), 0.1);
}

TEST(SacLearningTest, FindsTheBestActionOfAOneStepProblem) {
  SacConfig config;
  config.hidden = {32, 32};
  config.batch_size = 64;
  config.actor_learning_rate = config.critic_learning_rate = 1e-3;
  config.temperature_learning_rate = 3e-3;  // from 1 to where the entropy is near its target
  config.target_entropy = -1.0;
  const auto agent = MakeSac(config, OneStepSpec());
  TrainOnOneStepProblem(*agent);
  ExpectNearBestActions(*agent);
  // Its entropy is kept near the target: -1 nat is a standard deviation of 0.09 or so.
  const Metrics metrics = agent->TakeMetrics();
  for (const double entropy : metrics.at("entropy")) EXPECT_LT(entropy, 0.5);
}

TEST(CrossQLearningTest, FindsTheBestActionOfAOneStepProblem) {
  CrossQConfig config;
  config.hidden = {32, 32};
  config.critic_hidden = {64, 64};
  config.batch_size = 64;
  config.temperature_learning_rate = 1e-2;  // of which only every third update takes a step
  config.batch_renorm.warmup_steps = 200;   // most updates, also the actor's, are beyond it
  config.target_entropy = -1.0;
  const auto agent = MakeCrossQ(config, OneStepSpec());
  TrainOnOneStepProblem(*agent);
  ExpectNearBestActions(*agent);
  // Its entropy is kept near the target: -1 nat is a standard deviation of 0.09 or so.
  const Metrics metrics = agent->TakeMetrics();
  for (const double entropy : metrics.at("entropy")) EXPECT_LT(entropy, 0.5);
}

}  // namespace
}  // namespace duet::agents
