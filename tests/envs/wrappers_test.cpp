// Wrappers against Gymnasium's, and what Gymnasium's do not have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/data_folder.h"
#include "tests/envs/fake_env.h"
#include "tests/envs/player.h"
#include "tests/envs/throws.h"
#include "tests/envs/wrapped.h"

namespace duet::envs {
namespace {

using ::testing::ElementsAre;

// A recorded case of the reference's, and how far from it numbers may be.
struct WrapperCase {
  std::string name;
  Wrap wrap;
  double observation_tolerance = 0.0;
  double reward_tolerance = 1e-12;
};

std::ostream& operator<<(std::ostream& out, const WrapperCase& wrapper) {
  return out << wrapper.name;
}

// Statistics of five short episodes, which then stay as they are.
template <typename WrapperType>
std::unique_ptr<Env> Frozen(std::unique_ptr<Env> env) {
  auto wrapper = std::make_unique<WrapperType>(std::move(env));
  const EnvSpec& spec = wrapper->spec();
  std::vector<double> observation(static_cast<std::size_t>(spec.observation_size));
  std::vector<float> action = spec.action_low;
  for (float& number : action) number *= 0.5F;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    wrapper->Reset(seed, observation);
    for (int i = 0; i < 4; ++i) wrapper->Step(action, observation);
  }
  wrapper->set_update_running_mean(false);
  return wrapper;
}

std::vector<WrapperCase> WrapperCases() {
  return {
      {"RescaleAction", With<RescaleAction>(-0.3, 0.7)},
      {"RescaleActionInexact", With<RescaleAction>(-0.1, 1.1), 1e-12},
      {"ClipAction", With<ClipAction>(), 1e-12},
      {"FrameStack", With<FrameStack>(3)},
      {"DelayObservation", With<DelayObservation>(2)},
      {"NormalizeObservation", With<NormalizeObservation>(), 1e-6},
      // Gymnasium's statistics are in float32 here.
      {"NormalizeObservationFloat", With<NormalizeObservation>(), 1e-4},
      {"NormalizeObservationFrozen", Frozen<NormalizeObservation>, 1e-6},
      {"NormalizeReward", With<NormalizeReward>(), 1e-12},
      {"NormalizeRewardGamma", With<NormalizeReward>(0.5, 0.01), 1e-12},
      {"NormalizeRewardFrozen", Frozen<NormalizeReward>, 1e-12},
      {"EpisodeStatistics", With<EpisodeStatistics>()},
  };
}

class WrapperReferenceTest : public ::testing::TestWithParam<WrapperCase> {
 protected:
  WrapperReferenceTest() {
    for (const auto& found : ReadJson(DataFolder() / "wrappers.json")) {
      if (found["name"] == GetParam().name) recorded_ = found;
    }
  }

  std::unique_ptr<Env> Make() const {
    return GetParam().wrap(
        MakeEnv(recorded_["id"].get<std::string>(), {}, recorded_["limit"].get<std::int64_t>()));
  }

  nlohmann::json recorded_;
};

StepResult StepAsRecorded(Env& env, const nlohmann::json& action,
                          std::vector<double>& observation) {
  if (action.is_number()) return env.Step(action.get<std::int64_t>(), observation);
  return env.Step(action.get<std::vector<float>>(), observation);
}

void ExpectNear(const std::vector<double>& found, const std::vector<double>& expected,
                double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << i;
  }
}

TEST_P(WrapperReferenceTest, GivesGymnasiumsNumbers) {
  ASSERT_FALSE(recorded_.is_null());
  const auto env = Make();
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size));
  int index = 0;
  for (const auto& row : recorded_["rows"]) {
    SCOPED_TRACE(index++);
    if (row.contains("seed")) {
      env->Reset(
          row["seed"].is_null() ? std::nullopt : std::optional(row["seed"].get<std::uint64_t>()),
          observation);
    } else {
      const StepResult result = StepAsRecorded(*env, row["action"], observation);
      const double expected = row["reward"].get<double>();
      EXPECT_NEAR(result.reward, expected,
                  GetParam().reward_tolerance * std::max(1.0, std::abs(expected)));
      EXPECT_EQ(result.terminated || result.truncated, row["ended"].get<bool>());
    }
    ExpectNear(observation, row["observation"].get<std::vector<double>>(),
               GetParam().observation_tolerance);
    if (!row.contains("episode")) continue;
    const auto& statistics = dynamic_cast<const EpisodeStatistics&>(*env);
    EXPECT_EQ(statistics.last().episode_length, row["episode"]["length"].get<std::int64_t>());
    EXPECT_NEAR(statistics.last().episode_return, row["episode"]["return"].get<double>(), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(All, WrapperReferenceTest, ::testing::ValuesIn(WrapperCases()),
                         [](const auto& param) { return param.param.name; });

// Steps a wrapped environment and a bare one with the same actions.
class Pair {
 public:
  Pair(std::string_view id, const Wrap& wrap) : wrapped(wrap(MakeEnv(id))), bare(MakeEnv(id)) {}

  void Reset(std::optional<std::uint64_t> seed) {
    wrapped.Reset(seed);
    bare.Reset(seed);
  }

  Player wrapped;
  Player bare;
};

TEST(NoiseObservationTest, HidesTheEpisodeAndLeavesItAsItIs) {
  Pair pair("Hopper-v5", With<NoiseObservation>(0.1));
  double sum = 0.0;
  double sum_of_squares = 0.0;
  int count = 0;
  const auto add = [&] {
    for (std::size_t i = 0; i < pair.bare.observation().size(); ++i) {
      const double noise = pair.wrapped.observation()[i] - pair.bare.observation()[i];
      sum += noise;
      sum_of_squares += noise * noise;
      ++count;
    }
  };
  pair.Reset(7);
  for (int i = 0; i < 300; ++i) {
    add();
    const StepResult wrapped = pair.wrapped.Step();
    const StepResult bare = pair.bare.Step();
    ASSERT_EQ(wrapped.reward, bare.reward);
    ASSERT_EQ(wrapped.terminated, bare.terminated);
    ASSERT_EQ(wrapped.truncated, bare.truncated);
    if (bare.terminated || bare.truncated) pair.Reset(std::nullopt);
  }
  EXPECT_NEAR(sum / count, 0.0, 0.01);
  EXPECT_NEAR(std::sqrt(sum_of_squares / count), 0.1, 0.01);
}

TEST(NoiseActionTest, MovesActionsOnlyAndStartsAsTheTaskDoes) {
  // The reward of this environment is its action.
  FakeEnv::Plan plan;
  Player player(std::make_unique<NoiseAction>(std::make_unique<FakeEnv>(plan), 0.5));
  Player bare(std::make_unique<FakeEnv>(plan));
  player.Reset(7);
  bare.Reset(7);
  const std::vector<float> action = {0.25F};
  double sum = 0.0;
  double sum_of_squares = 0.0;
  constexpr int kSteps = 4000;
  for (int i = 0; i < kSteps; ++i) {
    const double noise = player.Step(action).reward - 0.25;
    bare.Step(action);
    ASSERT_EQ(player.observation(), bare.observation());
    sum += noise;
    sum_of_squares += noise * noise;
  }
  EXPECT_NEAR(sum / kSteps, 0.0, 0.05);
  EXPECT_NEAR(std::sqrt(sum_of_squares / kSteps), 0.5, 0.05);
  player.Reset(std::nullopt);
  bare.Reset(std::nullopt);
  EXPECT_EQ(player.observation(), bare.observation());
}

TEST(NoiseTest, NoNoiseIsNoChange) {
  const Wrap wrap = [](std::unique_ptr<Env> env) {
    return With<NoiseObservation>(0.0)(With<NoiseAction>(0.0)(std::move(env)));
  };
  Pair pair("Pendulum-v1", wrap);
  EXPECT_EQ(FirstDifference(pair.wrapped.Play(3, 50), pair.bare.Play(3, 50)), -1);
}

TEST(NoiseTest, NoiseOfActionsAndOfObservationsDiffer) {
  Player actions(std::make_unique<NoiseAction>(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 1.0));
  Player observations(
      std::make_unique<NoiseObservation>(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 1.0));
  actions.Reset(7);
  observations.Reset(7);
  const double of_action = actions.Step(std::vector<float>{0.0F}).reward;
  EXPECT_NE(static_cast<float>(observations.observation()[0]), static_cast<float>(of_action));
}

TEST(DelayActionTest, BoxTakesEffectLaterAndZeroBefore) {
  Player player(std::make_unique<DelayAction>(std::make_unique<FakeEnv>(FakeEnv::Plan{}), 2));
  for (const std::optional<std::uint64_t> seed : {std::optional<std::uint64_t>(1), {}}) {
    player.Reset(seed);
    std::vector<double> rewards;
    for (const float number : {0.5F, -0.25F, 0.75F, 1.0F}) {
      rewards.push_back(player.Step(std::vector<float>{number}).reward);
    }
    EXPECT_THAT(rewards, ElementsAre(0.0, 0.0, 0.5, -0.25));
  }
}

TEST(DelayActionTest, IndexTakesEffectLaterAndTheFirstOneBefore) {
  Player delayed(With<DelayAction>(2)(MakeEnv("CartPole-v1")));
  Player bare(MakeEnv("CartPole-v1"));
  delayed.Reset(5);
  bare.Reset(5);
  const std::vector<std::int64_t> given = {1, 1, 0, 1, 0};
  const std::vector<std::int64_t> taken = {0, 0, 1, 1, 0};
  for (std::size_t i = 0; i < given.size(); ++i) {
    delayed.Step(given[i]);
    bare.Step(taken[i]);
    EXPECT_EQ(delayed.observation(), bare.observation()) << i;
  }
}

TEST(DelayTest, NoDelayIsNoChange) {
  const Wrap wrap = [](std::unique_ptr<Env> env) {
    return With<DelayObservation>(0)(With<DelayAction>(0)(std::move(env)));
  };
  Pair pair("CartPole-v1", wrap);
  EXPECT_EQ(FirstDifference(pair.wrapped.Play(3, 50), pair.bare.Play(3, 50)), -1);
}

TEST(EpisodeStatisticsTest, CountsEpisodesThatEnded) {
  EpisodeStatistics env(std::make_unique<FakeEnv>(FakeEnv::Plan{.episode_steps = 2}));
  std::vector<double> observation(3);
  env.Reset(0, observation);
  env.Step(std::vector<float>{0.5F}, observation);
  EXPECT_EQ(env.num_episodes(), 0);
  EXPECT_EQ(env.current().episode_length, 1);
  env.Reset(0, observation);  // given up, so it does not count
  env.Step(std::vector<float>{0.5F}, observation);
  env.Step(std::vector<float>{0.25F}, observation);
  EXPECT_EQ(env.num_episodes(), 1);
  EXPECT_EQ(env.last().episode_return, 0.75);
  env.Reset(std::nullopt, observation);
  EXPECT_EQ(env.current().episode_length, 0);
  EXPECT_EQ(env.last().episode_length, 2);
}

TEST(WrapperTest, SpecsSayWhatIsObservedAndDone) {
  const EnvSpec rescaled = With<RescaleAction>(-0.5, 3.0)(MakeEnv("Pendulum-v1"))->spec();
  EXPECT_THAT(rescaled.action_low, ElementsAre(-0.5F));
  EXPECT_THAT(rescaled.action_high, ElementsAre(3.0F));
  const EnvSpec stacked = With<FrameStack>(2)(MakeEnv("Pendulum-v1"))->spec();
  EXPECT_EQ(stacked.observation_size, 6);
  EXPECT_THAT(stacked.observation_high, ElementsAre(1.0F, 1.0F, 8.0F, 1.0F, 1.0F, 8.0F));
  const EnvSpec noisy = With<NoiseObservation>(1.0)(MakeEnv("Pendulum-v1"))->spec();
  EXPECT_EQ(noisy.observation_high[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(noisy.id, "Pendulum-v1");
  EXPECT_EQ(noisy.max_episode_steps, 200);
}

TEST(WrapperTest, DescriptionsSayWhatBecameOfANumber) {
  const auto last_observation = [](const Wrap& wrap) {
    return wrap(MakeEnv("Pendulum-v1"))->Describe().observation.back();
  };
  const auto action = [](const Wrap& wrap) {
    return wrap(MakeEnv("Pendulum-v1"))->Describe().action.front();
  };
  EXPECT_EQ(last_observation(With<DelayObservation>(1)).meaning, "angular velocity, 1 step ago");
  EXPECT_EQ(last_observation(With<DelayObservation>(0)).meaning, "angular velocity");
  EXPECT_EQ(last_observation(With<NoiseObservation>(1.0)).meaning, "angular velocity, with noise");
  EXPECT_EQ(last_observation(With<NormalizeObservation>()).meaning, "angular velocity, normalised");
  EXPECT_EQ(last_observation(With<NormalizeObservation>()).unit, "");
  EXPECT_EQ(last_observation(With<FrameStack>(3)).meaning, "angular velocity");
  EXPECT_EQ(With<FrameStack>(3)(MakeEnv("Pendulum-v1"))->Describe().observation[2].meaning,
            "angular velocity, 2 steps ago");
  EXPECT_EQ(action(With<RescaleAction>(-1.0, 1.0)).meaning, "torque on the joint, rescaled");
  EXPECT_EQ(action(With<RescaleAction>(-1.0, 1.0)).unit, "");
  EXPECT_EQ(action(With<DelayAction>(2)).meaning, "torque on the joint, 2 steps later");
  EXPECT_EQ(action(With<NoiseAction>(1.0)).unit, "N m");
}

TEST(WrapperTest, BadSettingsAreRefused) {
  const auto error = [](const Wrap& wrap, std::string_view id = "Pendulum-v1") {
    return MessageOf<ConfigError>([&] { wrap(MakeEnv(id)); });
  };
  const double nan = std::nan("");
  EXPECT_EQ(error(With<RescaleAction>(nan, 1.0)),
            "Pendulum-v1: low = nan; allowed is a finite number");
  EXPECT_EQ(error(With<RescaleAction>(1.0, 1.0)),
            "Pendulum-v1: high = 1; allowed is a finite number above low = 1");
  EXPECT_EQ(error(With<RescaleAction>(-1.0, 1.0), "CartPole-v1"),
            "CartPole-v1: RescaleAction needs actions that are boxes; these are 2 indices");
  EXPECT_EQ(error(With<ClipAction>(), "CartPole-v1"),
            "CartPole-v1: ClipAction needs actions that are boxes; these are 2 indices");
  EXPECT_EQ(error(With<NoiseAction>(1.0), "CartPole-v1"),
            "CartPole-v1: NoiseAction needs actions that are boxes; these are 2 indices");
  EXPECT_EQ(error(With<NoiseAction>(-1.0)),
            "Pendulum-v1: standard_deviation = -1; allowed is a finite number >= 0");
  EXPECT_EQ(error(With<NoiseObservation>(nan)),
            "Pendulum-v1: standard_deviation = nan; allowed is a finite number >= 0");
  EXPECT_EQ(error(With<DelayAction>(-1)),
            "Pendulum-v1: delay = -1; allowed is a number in [0, 10000]");
  EXPECT_EQ(error(With<DelayObservation>(10001)),
            "Pendulum-v1: delay = 10001; allowed is a number in [0, 10000]");
  EXPECT_EQ(error(With<FrameStack>(0)),
            "Pendulum-v1: num_frames = 0; allowed is a number in [1, 1000]");
  EXPECT_EQ(error(With<NormalizeObservation>(0.0)),
            "Pendulum-v1: epsilon = 0; allowed is a finite number > 0");
  EXPECT_EQ(error(With<NormalizeReward>(1.5)),
            "Pendulum-v1: gamma = 1.5; allowed is a number in [0, 1]");
  EXPECT_EQ(error(With<NormalizeReward>(0.9, -1.0)),
            "Pendulum-v1: epsilon = -1; allowed is a finite number > 0");
}

}  // namespace
}  // namespace duet::envs
