#include "runners/run_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/numpy_random.h"
#include "envs/registry.h"
#include "envs/vector_env.h"
#include "runners/learner_envs.h"
#include "tests/support/message_of.h"

namespace duet::runners {
namespace {

using ::testing::Each;

// An environment and what it showed last.
struct Player {
  explicit Player(std::unique_ptr<envs::Env> made) : env(std::move(made)) {
    seen.resize(static_cast<std::size_t>(env->spec().observation_size));
    env->Reset(7, seen);
  }
  explicit Player(const EnvironmentConfig& config) : Player(MakeRunEnv(config)) {}

  envs::StepResult Step(const std::vector<float>& action) {
    return env->Step(std::span<const float>(action), seen);
  }

  std::unique_ptr<envs::Env> env;
  std::vector<double> seen;
};

TEST(RunEnvTest, ActionsInTheUnitRangeMeanTheTasksRange) {
  Player run(EnvironmentConfig{.id = "Humanoid-v5"});
  Player bare(envs::MakeEnv("Humanoid-v5"));
  EXPECT_THAT(run.env->spec().action_low, Each(-1.0F));
  EXPECT_THAT(run.env->spec().action_high, Each(1.0F));
  const float low = bare.env->spec().action_low[0], high = bare.env->spec().action_high[0];
  core::NumpyRng rng(1);
  std::vector<float> action(17), scaled(17);
  for (int step = 0; step < 10; ++step) {
    for (std::size_t i = 0; i < action.size(); ++i) {
      action[i] = static_cast<float>(rng.Uniform(-1.3, 1.3));
      // These operations in this order: published results depend on their last bits.
      scaled[i] = std::clamp(low + 0.5F * (action[i] + 1.0F) * (high - low), low, high);
    }
    EXPECT_EQ(run.Step(action).reward, bare.Step(scaled).reward);
    EXPECT_EQ(run.seen, bare.seen);
  }
}

TEST(RunEnvTest, OptionsAndTheStepLimitReachTheTask) {
  const EnvironmentConfig config{
      .id = "Hopper-v5", .max_episode_steps = 3, .options = {{"healthy_reward", 100.0}}};
  Player player(config);
  EXPECT_GT(player.Step({0, 0, 0}).reward, 90.0);
  EXPECT_FALSE(player.Step({0, 0, 0}).truncated);
  EXPECT_TRUE(player.Step({0, 0, 0}).truncated);
}

// Returns under other settings do not compare, so reports must see two tasks.
TEST(RunEnvTest, TheTasksNameSaysWhatIsNotAsItStands) {
  EXPECT_EQ(TaskName({.id = "Hopper-v5", .options = {{"healthy_reward", 1.0}}}), "Hopper-v5");
  const EnvironmentConfig config{
      .id = "Hopper-v5",
      .max_episode_steps = 300,
      .options = {{"healthy_z_range", envs::Interval{0.5, 2.0}}, {"frame_skip", 2.0}},
      .wrappers = {.action_noise = 0.25, .frame_stack = 2}};
  EXPECT_EQ(TaskName(config),
            "Hopper-v5 (frame_skip = 2, healthy_z_range = [0.5, 2], max_episode_steps = 300, "
            "action_noise = 0.25, frame_stack = 2)");
  EXPECT_EQ(TaskId(config), "Hopper-v5");
}

TEST(RunEnvTest, TasksOnOneModelFileAreToldApartByTheirSettings) {
  EnvironmentConfig config{.id = "mjcf:" DUET_SOURCE_DIR "/configs/tasks/beam.xml"};
  EXPECT_EQ(TaskId(config), "mjcf:beam.xml");
  const std::string name = TaskName(config);
  EXPECT_THAT(name, ::testing::MatchesRegex("mjcf:beam.xml \\([0-9a-f]+\\)"));
  config.task.frame_skip = 7;
  EXPECT_NE(TaskName(config), name);
}

TEST(RunEnvTest, ADelayedActionIsTheMiddleOfTheRangeAtFirst) {
  Player late(EnvironmentConfig{.wrappers = {.action_delay = 2}});
  Player prompt(EnvironmentConfig{});
  late.Step({1.0F});
  prompt.Step({0.0F});
  late.Step({0.5F});
  prompt.Step({0.0F});
  late.Step({0.0F});
  prompt.Step({1.0F});
  EXPECT_EQ(late.seen, prompt.seen);
}

TEST(RunEnvTest, ObservationsAreDelayedAndThenStacked) {
  Player wrapped(EnvironmentConfig{.wrappers = {.observation_delay = 1, .frame_stack = 2}});
  Player bare(EnvironmentConfig{});
  ASSERT_EQ(wrapped.seen.size(), 8U);
  const std::vector<double> first = bare.seen;
  bare.Step({0.1F});
  const std::vector<double> second = bare.seen;
  wrapped.Step({0.1F});
  wrapped.Step({0.1F});
  EXPECT_TRUE(std::equal(first.begin(), first.end(), wrapped.seen.begin()));
  EXPECT_TRUE(std::equal(second.begin(), second.end(), wrapped.seen.begin() + 4));
}

TEST(RunEnvTest, NoiseIsOnlyWhereItIsAskedFor) {
  Player plain(EnvironmentConfig{});
  Player seen_noisily(EnvironmentConfig{.wrappers = {.observation_noise = 0.1}});
  Player pushed(EnvironmentConfig{.wrappers = {.action_noise = 0.1}});
  EXPECT_EQ(pushed.seen, plain.seen);
  EXPECT_NE(seen_noisily.seen, plain.seen);
  plain.Step({0.5F});
  pushed.Step({0.5F});
  EXPECT_NE(pushed.seen, plain.seen);
}

TEST(RunEnvTest, AnIndexStaysAnIndex) {
  const EnvironmentConfig config{.id = "CartPole-v1", .wrappers = {.action_delay = 1}};
  Player late(config);
  Player bare(envs::MakeEnv("CartPole-v1"));
  EXPECT_EQ(late.env->spec().num_actions, 2);
  late.env->Step(std::int64_t{1}, late.seen);
  bare.env->Step(std::int64_t{0}, bare.seen);
  EXPECT_EQ(late.seen, bare.seen);
  late.env->Step(std::int64_t{0}, late.seen);
  bare.env->Step(std::int64_t{1}, bare.seen);
  EXPECT_EQ(late.seen, bare.seen);
}

TEST(RunEnvTest, NoNoiseIsAddedToAnIndex) {
  EXPECT_EQ(support::MessageOf<ConfigError>(
                [] { MakeRunEnv({.id = "CartPole-v1", .wrappers = {.action_noise = 0.1}}); }),
            "CartPole-v1: NoiseAction needs actions that are boxes; these are 2 indices");
}

TEST(RunEnvTest, AnAgentsActionIsItsNumbersOrAnIndex) {
  const envs::EnvSpec box = MakeRunEnv({.id = "Hopper-v5"})->spec();
  EXPECT_EQ(AgentActionSize(box), 3);
  const std::vector<float> numbers = {0.5F, -1.0F, 0.25F};
  const auto same = std::get<std::span<const float>>(ToActionView(box, numbers));
  EXPECT_EQ(same.data(), numbers.data());
  EXPECT_EQ(same.size(), 3U);
  const envs::EnvSpec discrete = MakeRunEnv({.id = "LunarLander-v3"})->spec();
  EXPECT_EQ(AgentActionSize(discrete), 1);
  const std::vector<float> index = {3.0F};
  EXPECT_EQ(std::get<std::int64_t>(ToActionView(discrete, index)), 3);
}

TEST(RunEnvTest, LearnerEnvsTakeIndicesAsNumbers) {
  const auto make = [] { return MakeRunEnv({.id = "LunarLander-v3"}); };
  LearnerEnvs envs(make, 3, 2);
  envs::VectorEnv bare(make, 3, 1);
  EXPECT_EQ(envs.action_size(), 1);
  const std::vector<std::uint64_t> seeds = {1, 2, 3};
  envs.Reset(seeds);
  bare.Reset(seeds);
  for (std::int64_t step = 0; step < 20; ++step) {
    const std::vector<std::int64_t> indices = {step % 4, (step + 1) % 4, 2};
    envs.Step(std::vector<float>(indices.begin(), indices.end()));
    bare.Step(indices);
    EXPECT_TRUE(std::ranges::equal(envs.observations(), bare.observations())) << step;
    EXPECT_TRUE(std::ranges::equal(envs.rewards(), bare.rewards())) << step;
  }
}

TEST(RunEnvTest, OnlyPathsOfModelsDependOnTheFolder) {
  EXPECT_EQ(AbsoluteId("Ant-v5", "/x"), "Ant-v5");
  EXPECT_EQ(AbsoluteId("mjcf:../m.xml", "/x/y"), "mjcf:/x/m.xml");
  EXPECT_EQ(AbsoluteId("mjcf:/m.xml", "/x/y"), "mjcf:/m.xml");
}

}  // namespace
}  // namespace duet::runners
