#include "runners/evaluator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "agents/registry.h"

namespace duet::runners {
namespace {

// The return of the episode that Reset(seed) starts.
double Play(const EnvironmentConfig& config, agents::Agent& agent, std::uint64_t seed) {
  const std::unique_ptr<envs::Env> env = MakeRunEnv(config);
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size));
  env->Reset(seed, observation);
  std::vector<float> action(static_cast<std::size_t>(env->spec().action_size()));
  double sum = 0.0;
  for (envs::StepResult result; !result.terminated && !result.truncated;) {
    const std::vector<float> seen(observation.begin(), observation.end());
    agent.Act(seen, agents::ActMode::kGreedy, action);
    result = env->Step(std::span<const float>(action), observation);
    sum += result.reward;
  }
  return sum;
}

TEST(EvaluatorTest, EpisodeIStartsFromTheSeedPlusI) {
  const EnvironmentConfig env{.id = "Hopper-v5",
                              .max_episode_steps = 40,
                              .options = {{"terminate_when_unhealthy", false}},
                              .wrappers = {.frame_stack = 2}};
  agents::AgentConfig config;
  config.ddpg.hidden = {8};
  const std::unique_ptr<agents::Agent> agent =
      agents::MakeAgent(config, {.observation_size = 22, .action_size = 3, .member_seeds = {1}});
  Evaluator evaluator(env, {.episodes = 3, .seed = 100}, 1, 2);
  const Evaluator::Returns returns = evaluator.Evaluate(*agent);
  ASSERT_EQ(returns.per_episode[0].size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(returns.per_episode[0][i], Play(env, *agent, 100 + i), 1e-4) << i;
  }
  EXPECT_NE(returns.per_episode[0][0], returns.per_episode[0][1]);
}

}  // namespace
}  // namespace duet::runners
