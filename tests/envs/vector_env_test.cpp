#include "envs/vector_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "envs/registry.h"
#include "envs/time_limit.h"
#include "tests/envs/fake_env.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint64_t> Seeds(std::int64_t count) {
  std::vector<std::uint64_t> seeds;
  for (std::int64_t i = 0; i < count; ++i) seeds.push_back(static_cast<std::uint64_t>(100 + i));
  return seeds;
}

std::vector<float> RandomActions(const VectorEnv& env, core::Rng& rng) {
  std::vector<float> actions;
  for (std::int64_t i = 0; i < env.size(); ++i) {
    for (std::size_t j = 0; j < env.spec().action_low.size(); ++j) {
      actions.push_back(
          static_cast<float>(rng.Uniform(env.spec().action_low[j], env.spec().action_high[j])));
    }
  }
  return actions;
}

template <typename Number>
void Append(std::vector<double>& log, std::span<const Number> values) {
  log.insert(log.end(), values.begin(), values.end());
}

void StepRandomly(VectorEnv& env, core::Rng& rng) {
  if (!env.spec().discrete()) {
    env.Step(RandomActions(env, rng));
    return;
  }
  std::vector<std::int64_t> indices(static_cast<std::size_t>(env.size()));
  std::ranges::generate(indices, [&] { return rng.Index(env.spec().num_actions); });
  env.Step(indices);
}

// All rows of `num_steps` steps in one list.
std::vector<double> Play(VectorEnv& env, std::int64_t num_steps, core::Rng& rng) {
  std::vector<double> log;
  for (std::int64_t i = 0; i < num_steps; ++i) {
    StepRandomly(env, rng);
    Append(log, env.observations());
    Append(log, env.final_observations());
    Append(log, env.rewards());
    Append(log, env.terminated());
    Append(log, env.truncated());
  }
  return log;
}

TEST(VectorEnvTest, ResultsDoNotDependOnTheNumberOfThreads) {
  for (const char* id : {"HalfCheetah-v5", "Hopper-v5", "InvertedPendulum-v5", "Humanoid-v5"}) {
    std::vector<std::vector<double>> logs;
    for (const std::int64_t num_threads : {1, 2, 4}) {
      VectorEnv env(id, 7, num_threads);
      env.Reset(Seeds(7));
      core::Rng rng(1);
      logs.push_back(Play(env, 60, rng));
    }
    EXPECT_EQ(logs[0], logs[1]) << id;
    EXPECT_EQ(logs[0], logs[2]) << id;
  }
}

TEST(VectorEnvTest, RowsAreThoseOfSingleEnvironments) {
  constexpr std::int64_t kCount = 5;
  VectorEnv env("Walker2d-v5", kCount, 2);
  env.Reset(Seeds(kCount));
  std::vector<std::unique_ptr<Env>> singles;
  const auto width = static_cast<std::size_t>(env.spec().observation_size);
  std::vector<double> observation(width);
  for (const std::uint64_t seed : Seeds(kCount)) {
    singles.push_back(MakeEnv("Walker2d-v5"));
    singles.back()->Reset(seed, observation);
  }
  core::Rng rng(2);
  const auto num_actions = static_cast<std::size_t>(env.spec().action_size());
  int num_ends = 0;
  for (int step = 0; step < 80; ++step) {
    const std::vector<float> actions = RandomActions(env, rng);
    env.Step(actions);
    for (std::size_t i = 0; i < singles.size(); ++i) {
      const StepResult result =
          singles[i]->Step(std::span(actions).subspan(i * num_actions, num_actions), observation);
      const auto row = [&](std::span<const float> rows) {
        const auto part = rows.subspan(i * width, width);
        return std::vector<float>(part.begin(), part.end());
      };
      const auto expected = [&] {
        return std::vector<float>(observation.begin(), observation.end());
      };
      EXPECT_EQ(env.rewards()[i], result.reward);
      EXPECT_EQ(env.terminated()[i] != 0, result.terminated);
      EXPECT_EQ(env.truncated()[i] != 0, result.truncated);
      EXPECT_EQ(row(env.final_observations()), expected());
      if (result.terminated || result.truncated) {
        ++num_ends;
        singles[i]->Reset(std::nullopt, observation);
      }
      EXPECT_EQ(row(env.observations()), expected());
    }
  }
  EXPECT_GT(num_ends, 0);
}

TEST(VectorEnvTest, AutoresetKeepsTheFinalObservation) {
  VectorEnv env([] { return std::make_unique<FakeEnv>(FakeEnv::Plan{.episode_steps = 2}); }, 2, 2);
  env.Reset(Seeds(2));
  const float first_draw = env.observations()[2];
  const std::vector<float> actions = {0.5F, -0.5F};
  env.Step(actions);
  EXPECT_EQ(env.observations()[0], 1.0F);
  EXPECT_EQ(env.final_observations()[0], 1.0F);
  EXPECT_THAT(env.terminated(), ElementsAre(0, 0));
  env.Step(actions);
  EXPECT_THAT(env.rewards(), ElementsAre(0.5, -0.5));
  EXPECT_THAT(env.terminated(), ElementsAre(1, 1));
  EXPECT_THAT(env.truncated(), ElementsAre(0, 0));
  // After the step: second step of the first episode. Next: start of the second, with a new draw.
  EXPECT_EQ(env.final_observations()[0], 2.0F);
  EXPECT_EQ(env.final_observations()[1], 1.0F);
  EXPECT_EQ(env.final_observations()[2], first_draw);
  EXPECT_EQ(env.observations()[0], 0.0F);
  EXPECT_EQ(env.observations()[1], 2.0F);
  EXPECT_NE(env.observations()[2], first_draw);
  env.Step(actions);
  EXPECT_THAT(env.terminated(), ElementsAre(0, 0));
  EXPECT_EQ(env.observations()[0], 1.0F);
}

TEST(VectorEnvTest, TruncationIsReportedApart) {
  VectorEnv env(
      [] { return std::make_unique<TimeLimit>(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 2); }, 1,
      1);
  env.Reset(Seeds(1));
  const std::vector<float> actions = {0.0F};
  env.Step(actions);
  env.Step(actions);
  EXPECT_THAT(env.terminated(), ElementsAre(0));
  EXPECT_THAT(env.truncated(), ElementsAre(1));
  EXPECT_EQ(env.final_observations()[0], 2.0F);
  EXPECT_EQ(env.observations()[0], 0.0F);
}

TEST(VectorEnvTest, StateContinuesBitForBitWithAnotherNumberOfThreads) {
  for (const std::string& id : EnvIds()) {
    VectorEnv env(id, 5, 2);
    env.Reset(Seeds(5));
    core::Rng rng(3);
    Play(env, 25, rng);
    const std::string state = env.SaveState();
    const std::string actions = rng.SaveState();
    VectorEnv other(id, 5, 3);
    other.LoadState(state);
    EXPECT_TRUE(std::ranges::equal(env.observations(), other.observations()));
    EXPECT_TRUE(std::ranges::equal(env.final_observations(), other.final_observations()));
    EXPECT_TRUE(std::ranges::equal(env.rewards(), other.rewards()));
    const std::vector<double> expected = Play(env, 40, rng);
    rng.LoadState(actions);
    EXPECT_EQ(Play(other, 40, rng), expected) << id;
  }
}

TEST(VectorEnvTest, ForeignStatesAreRefused) {
  VectorEnv env("Hopper-v5", 3, 1);
  env.Reset(Seeds(3));
  const std::string state = env.SaveState();
  VectorEnv larger("Hopper-v5", 4, 1);
  EXPECT_EQ(MessageOf<IoError>([&] { larger.LoadState(state); }),
            "Hopper-v5: the saved state is one of 3 environments; allowed is one of 4");
  VectorEnv other("Swimmer-v5", 3, 1);
  EXPECT_EQ(MessageOf<IoError>([&] { other.LoadState(state); }),
            "Swimmer-v5: the saved state is one of Hopper-v5; allowed is one of Swimmer-v5");
  EXPECT_THROW(env.LoadState(state.substr(0, state.size() / 2)), IoError);
}

TEST(VectorEnvTest, ErrorsOfWorkersReachTheCaller) {
  for (const std::int64_t num_threads : {1, 2, 4}) {
    int made = 0;
    VectorEnv env(
        [&] {
          FakeEnv::Plan plan;
          // Rows 3 and 6 fail in the same step.
          if (made == 3 || made == 6) plan.failing_step = 2;
          plan.failure = "row " + std::to_string(made);
          ++made;
          return std::make_unique<FakeEnv>(plan);
        },
        8, num_threads);
    env.Reset(Seeds(8));
    const std::vector<float> actions(8, 0.0F);
    env.Step(actions);
    EXPECT_EQ(MessageOf<Error>([&] { env.Step(actions); }), "row 3");
    // The others finished their step.
    EXPECT_EQ(env.observations()[3 * 7], 2.0F);
    env.Reset(Seeds(8));
    env.Step(actions);
    EXPECT_EQ(env.observations()[0], 1.0F);
  }
}

TEST(VectorEnvTest, ActionThatIsNotFiniteNamesEnvironmentAndStep) {
  VectorEnv env("HalfCheetah-v5", 4, 2);
  env.Reset(Seeds(4));
  std::vector<float> actions(4 * 6, 0.0F);
  env.Step(actions);
  actions[3 * 6 + 1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(MessageOf<NonFiniteError>([&] { env.Step(actions); }),
              HasSubstr("HalfCheetah-v5: step 2: action[1] is nan"));
}

TEST(VectorEnvTest, BadSettingsAreRefused) {
  EXPECT_EQ(MessageOf<ConfigError>([] { VectorEnv("Hopper-v5", 0, 1); }),
            "0 environments; allowed is a number above 0");
  EXPECT_EQ(MessageOf<ConfigError>([] { VectorEnv("Hopper-v5", 1, 0); }),
            "0 actor threads; allowed is a number above 0");
  EXPECT_THAT(MessageOf<ConfigError>([] { VectorEnv("Hoper-v5", 1, 1); }),
              HasSubstr("unknown environment \"Hoper-v5\"; known are "));
}

TEST(VectorEnvTest, WrongSpansAreTheCallersFault) {
  VectorEnv env("Hopper-v5", 2, 1);
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.Reset(Seeds(3)); }),
            "3 seeds for 2 environments");
  env.Reset(Seeds(2));
  const std::vector<float> actions(5, 0.0F);
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.Step(actions); }),
            "5 action values for 2 environments with 3 each");
}

TEST(VectorEnvTest, MoreThreadsThanEnvironmentsAndManyShortLives) {
  for (int i = 0; i < 50; ++i) {
    VectorEnv env([] { return std::make_unique<FakeEnv>(FakeEnv::Plan{}); }, 3, 8);
    env.Reset(Seeds(3));
    const std::vector<float> actions(3, 0.0F);
    for (int step = 0; step < i; ++step) env.Step(actions);
    EXPECT_EQ(env.observations()[0], static_cast<float>(i));
  }
}

}  // namespace
}  // namespace duet::envs
