#include "envs/mujoco/mujoco_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>
#include <vector>

#include "core/error.h"
#include "envs/mujoco/reward_terms.h"
#include "envs/registry.h"
#include "envs/time_limit.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;

struct Simulation {
  explicit Simulation(const char* id)
      : limit(MakeEnv(id)),
        observation(static_cast<std::size_t>(limit->spec().observation_size)),
        action(static_cast<std::size_t>(limit->spec().action_size())) {
    limit->Reset(0, observation);
  }
  void StartFrom(const RecordedState& state) {
    dynamic_cast<TimeLimit&>(*limit).StartFrom(state, observation);
  }

  std::unique_ptr<Env> limit;
  std::vector<double> observation;
  std::vector<float> action;
};

TEST(MujocoEnvTest, ActionThatIsNotFiniteIsNamed) {
  Simulation simulation("HalfCheetah-v5");
  simulation.limit->Step(simulation.action, simulation.observation);
  simulation.action[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(MessageOf<NonFiniteError>(
                [&] { simulation.limit->Step(simulation.action, simulation.observation); }),
            "HalfCheetah-v5: step 2: action[4] is nan; allowed is a finite number");
}

TEST(MujocoEnvTest, UnstableSimulationIsNamedInsteadOfSilentlyReset) {
  const bool other_log = std::filesystem::exists("MUJOCO_LOG.TXT");  // of another program
  Simulation simulation("Hopper-v5");
  RecordedState state = {.step = 3,
                         .numbers = {{"qpos", std::vector<double>(6, 0.0)},
                                     {"qvel", std::vector<double>(6, 0.0)},
                                     {"qacc_warmstart", std::vector<double>(6, 0.0)},
                                     {"time", {0.0}}}};
  state.numbers["qvel"][3] = 9e9;
  simulation.StartFrom(state);
  const std::string message = MessageOf<NonFiniteError>([&] {
    for (int i = 0; i < 100; ++i) simulation.limit->Step(simulation.action, simulation.observation);
  });
  EXPECT_THAT(message, HasSubstr("Hopper-v5: step 4: "));
  EXPECT_THAT(message, HasSubstr("is not finite or too large"));
  EXPECT_EQ(std::filesystem::exists("MUJOCO_LOG.TXT"), other_log);
}

TEST(MujocoEnvTest, EnvironmentIsUsableAgainAfterAFailure) {
  Simulation simulation("HalfCheetah-v5");
  Simulation untouched("HalfCheetah-v5");
  simulation.action[0] = std::numeric_limits<float>::max();
  EXPECT_EQ(
      MessageOf<NonFiniteError>(
          [&] { simulation.limit->Step(simulation.action, simulation.observation); }),
      "HalfCheetah-v5: step 1: the reward is -inf; allowed is a finite number, which an action "
      "within its range gives");
  simulation.action[0] = 0.0F;
  simulation.limit->Reset(0, simulation.observation);
  EXPECT_EQ(simulation.observation, untouched.observation);
  simulation.limit->Step(simulation.action, simulation.observation);
  untouched.limit->Step(untouched.action, untouched.observation);
  EXPECT_EQ(simulation.observation, untouched.observation);
}

TEST(MujocoEnvTest, MuJoCosErrorsAreThrown) {
  const auto model = SharedModel("hopper");
  const DataHandle data = MakeData(*model);
  EXPECT_THAT(MessageOf<Error>([&] { mj_stackAllocNum(data.get(), std::size_t{1} << 40); }),
              HasSubstr("MuJoCo: "));
}

TEST(MujocoEnvTest, ModelIsSharedAndCompiledOnce) {
  std::vector<const mjModel*> models(8);
  {
    std::vector<std::jthread> threads;
    for (const mjModel*& model : models) {
      threads.emplace_back([&model] { model = SharedModel("walker2d").get(); });
    }
  }
  for (const mjModel* model : models) EXPECT_EQ(model, models.front());
}

TEST(MujocoEnvTest, RecordedStateOfAnotherSizeIsRefused) {
  Simulation simulation("Hopper-v5");
  EXPECT_EQ(MessageOf<ConfigError>([&] {
              simulation.StartFrom({.numbers = {{"qpos", {1.0}}}});
            }),
            "Hopper-v5: qpos of the recorded state at step 0 has 1 numbers; allowed is 6");
  EXPECT_EQ(MessageOf<ConfigError>([&] { simulation.StartFrom({.step = 4}); }),
            "Hopper-v5: the recorded state at step 4 has no qpos; needed are 6 numbers");
}

TEST(MujocoEnvTest, WrongSpansAreTheCallersFault) {
  Simulation simulation("Hopper-v5");
  EXPECT_EQ(MessageOf<std::logic_error>([&] {
              simulation.limit->Step(std::span(simulation.action).first(2), simulation.observation);
            }),
            "Hopper-v5: a box of 2 numbers given, 3 needed");
  simulation.limit->Reset(0, simulation.observation);
  EXPECT_EQ(MessageOf<std::logic_error>([&] {
              simulation.limit->Step(simulation.action, std::span(simulation.observation).first(4));
            }),
            "Hopper-v5: room for 4 observations given, 11 needed");
}

TEST(MujocoEnvTest, ActionsBeyondTheRangeCostInFullButPushWithTheRange) {
  Simulation inside("HalfCheetah-v5");
  Simulation beyond("HalfCheetah-v5");
  std::ranges::fill(inside.action, 1.0F);
  std::ranges::fill(beyond.action, 3.0F);
  const double inside_reward = inside.limit->Step(inside.action, inside.observation).reward;
  const double beyond_reward = beyond.limit->Step(beyond.action, beyond.observation).reward;
  EXPECT_EQ(inside.observation, beyond.observation);
  EXPECT_NEAR(inside_reward - beyond_reward, 0.1 * 6 * (9 - 1), 1e-5);
}

TEST(RewardTermsTest, SumsAsNumPyDoes) {
  // In float32, (1e8 + 1) - 1e8 is 0: the order shows.
  const std::vector<float> few = {1e4F, 1.0F, 1.0F};
  EXPECT_EQ(SumOfSquares<float>(std::span(few)), (1e8F + 1.0F) + 1.0F);
  const std::vector<float> nine = {1e4F, 1.0F, 1.0F, 2.0F, 3.0F, 1.0F, 1.0F, 1.0F, 5.0F};
  const float pairs = ((1e8F + 1.0F) + (1.0F + 4.0F)) + ((9.0F + 1.0F) + (1.0F + 1.0F));
  EXPECT_EQ(SumOfSquares<float>(std::span(nine)), pairs + 25.0F);
}

TEST(RewardTermsTest, ControlCostIsAFloat32Number) {
  const std::vector<float> action = {0.3F, -0.7F};
  const float expected = 0.1F * (0.3F * 0.3F + 0.7F * 0.7F);
  EXPECT_EQ(ControlCost(0.1, action), static_cast<double>(expected));
}

}  // namespace
}  // namespace duet::envs
