#include "envs/time_limit.h"

#include <gtest/gtest.h>

#include <array>

#include "core/error.h"
#include "tests/envs/fake_env.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

constexpr std::array<float, 1> kAction = {0.0F};

TEST(TimeLimitTest, TruncatesInTheLastAllowedStepAndOnlyThere) {
  TimeLimit env(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 3);
  std::array<double, 3> observation{};
  for (int episode = 0; episode < 2; ++episode) {
    env.Reset(0, observation);
    EXPECT_FALSE(env.Step(kAction, observation).truncated);
    EXPECT_FALSE(env.Step(kAction, observation).truncated);
    const StepResult last = env.Step(kAction, observation);
    EXPECT_TRUE(last.truncated);
    EXPECT_FALSE(last.terminated);
  }
}

TEST(TimeLimitTest, TerminationBeforeTheLimitIsNotATruncation) {
  TimeLimit env(std::make_unique<FakeEnv>(FakeEnv::Plan{.episode_steps = 2}), 3);
  std::array<double, 3> observation{};
  env.Reset(0, observation);
  env.Step(kAction, observation);
  const StepResult last = env.Step(kAction, observation);
  EXPECT_TRUE(last.terminated);
  EXPECT_FALSE(last.truncated);
}

TEST(TimeLimitTest, TerminationInTheLastAllowedStepIsBoth) {
  TimeLimit env(std::make_unique<FakeEnv>(FakeEnv::Plan{.episode_steps = 3}), 3);
  std::array<double, 3> observation{};
  env.Reset(0, observation);
  env.Step(kAction, observation);
  env.Step(kAction, observation);
  const StepResult last = env.Step(kAction, observation);
  EXPECT_TRUE(last.terminated);
  EXPECT_TRUE(last.truncated);
}

TEST(TimeLimitTest, StepNeedsAResetBeforeIt) {
  TimeLimit env(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 1);
  std::array<double, 3> observation{};
  const auto step = [&] { env.Step(kAction, observation); };
  EXPECT_EQ(MessageOf<std::logic_error>(step), "Fake-v0: Step without a Reset before it");
  env.Reset(0, observation);
  step();
  EXPECT_THROW(step(), std::logic_error);  // after the end
}

TEST(TimeLimitTest, StateCarriesTheCounter) {
  TimeLimit env(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 3);
  TimeLimit other(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 3);
  std::array<double, 3> observation{};
  env.Reset(0, observation);
  env.Step(kAction, observation);
  other.LoadState(env.SaveState());
  EXPECT_FALSE(other.Step(kAction, observation).truncated);
  EXPECT_TRUE(other.Step(kAction, observation).truncated);
}

TEST(TimeLimitTest, RecordedStatesNeedAnEnvironmentThatKnowsThem) {
  TimeLimit env(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 3);
  std::array<double, 3> observation{};
  EXPECT_EQ(MessageOf<ConfigError>([&] { env.StartFrom({}, observation); }),
            "Fake-v0: cannot start from a recorded state");
}

}  // namespace
}  // namespace duet::envs
