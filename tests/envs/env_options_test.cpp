#include "envs/env_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string MakeError(const char* id, const EnvOptions& options) {
  return MessageOf<ConfigError>([&] { MakeEnv(id, options); });
}

TEST(EnvOptionsTest, UnknownOptionNamesTheKnownOnes) {
  EXPECT_EQ(MakeError("InvertedPendulum-v5", {{"healthy_reward", 1.0}}),
            "InvertedPendulum-v5: unknown option healthy_reward = 1; known are frame_skip, "
            "reset_noise_scale");
}

TEST(EnvOptionsTest, WrongTypeSaysWhatIsAllowed) {
  EXPECT_EQ(MakeError("Hopper-v5", {{"terminate_when_unhealthy", 1.0}}),
            "Hopper-v5: option terminate_when_unhealthy = 1; allowed is true or false");
  EXPECT_EQ(MakeError("Hopper-v5", {{"ctrl_cost_weight", std::string("much")}}),
            "Hopper-v5: option ctrl_cost_weight = \"much\"; allowed is a finite number");
  EXPECT_EQ(
      MakeError("Hopper-v5", {{"healthy_z_range", 0.7}}),
      "Hopper-v5: option healthy_z_range = 0.7; allowed is two numbers [low, high] with low <= "
      "high");
}

TEST(EnvOptionsTest, ValuesOutOfRangeAreRefused) {
  EXPECT_EQ(MakeError("Swimmer-v5", {{"frame_skip", 0.0}}),
            "Swimmer-v5: option frame_skip = 0; allowed is a whole number in [1, 1000]");
  EXPECT_THAT(MakeError("Swimmer-v5", {{"frame_skip", 2.5}}), HasSubstr("frame_skip = 2.5"));
  EXPECT_EQ(MakeError("Swimmer-v5", {{"reset_noise_scale", -0.1}}),
            "Swimmer-v5: option reset_noise_scale = -0.1; allowed is a finite number >= 0");
  EXPECT_THAT(MakeError("Swimmer-v5", {{"ctrl_cost_weight", std::nan("")}}),
              HasSubstr("allowed is a finite number"));
  EXPECT_THAT(MakeError("Walker2d-v5", {{"healthy_z_range", Interval{2.0, 0.8}}}),
              StartsWith("Walker2d-v5: option healthy_z_range = [2, 0.8]"));
}

TEST(EnvOptionsTest, UnknownIdNamesTheKnownOnes) {
  EXPECT_THAT(MakeError("Cheetah", {}),
              AllOf(StartsWith("unknown environment \"Cheetah\"; known are "),
                    HasSubstr(", HalfCheetah-v5, Hopper-v5, ")));
}

TEST(EnvOptionsTest, ExcludedPositionsCanBeObserved) {
  const EnvOptions all = {{"exclude_current_positions_from_observation", false}};
  EXPECT_EQ(MakeEnv("HalfCheetah-v5", all)->spec().observation_size, 18);
  EXPECT_EQ(MakeEnv("Hopper-v5", all)->spec().observation_size, 12);
  EXPECT_EQ(MakeEnv("Walker2d-v5", all)->spec().observation_size, 18);
  EXPECT_EQ(MakeEnv("Swimmer-v5", all)->spec().observation_size, 10);
  EXPECT_EQ(MakeEnv("Humanoid-v5", all)->spec().observation_size, 350);
}

TEST(EnvOptionsTest, PartsOfTheHumanoidsObservationCanBeLeftOut) {
  const auto size = [](const char* option) {
    return MakeEnv("Humanoid-v5", {{option, false}})->spec().observation_size;
  };
  EXPECT_EQ(size("include_cinert_in_observation"), 348 - 130);
  EXPECT_EQ(size("include_cvel_in_observation"), 348 - 78);
  EXPECT_EQ(size("include_qfrc_actuator_in_observation"), 348 - 17);
  EXPECT_EQ(size("include_cfrc_ext_in_observation"), 348 - 78);
}

// One step from the same seed and action under different settings.
StepResult FirstStep(const char* id, const EnvOptions& options) {
  const auto env = MakeEnv(id, options);
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size));
  const std::vector<float> action(static_cast<std::size_t>(env->spec().action_size()), 0.25F);
  env->Reset(3, observation);
  return env->Step(action, observation);
}

TEST(EnvOptionsTest, EveryRewardWeightChangesTheReward) {
  for (const char* id :
       {"HalfCheetah-v5", "Hopper-v5", "Walker2d-v5", "Swimmer-v5", "Humanoid-v5"}) {
    for (const char* weight : {"forward_reward_weight", "ctrl_cost_weight"}) {
      EXPECT_NE(FirstStep(id, {}).reward, FirstStep(id, {{weight, 7.0}}).reward) << id << weight;
    }
  }
  for (const char* id : {"Hopper-v5", "Walker2d-v5", "Humanoid-v5", "InvertedDoublePendulum-v5"}) {
    EXPECT_NEAR(FirstStep(id, {{"healthy_reward", 50.0}}).reward -
                    FirstStep(id, {{"healthy_reward", 20.0}}).reward,
                30.0, 1e-9)
        << id;
  }
}

TEST(EnvOptionsTest, HealthyRangesEndTheEpisodeUnlessToldOtherwise) {
  const Interval sky = {10.0, std::numeric_limits<double>::infinity()};
  for (const char* id : {"Hopper-v5", "Walker2d-v5", "Humanoid-v5"}) {
    EXPECT_FALSE(FirstStep(id, {}).terminated) << id;
    EXPECT_TRUE(FirstStep(id, {{"healthy_z_range", sky}}).terminated) << id;
    const StepResult unhealthy =
        FirstStep(id, {{"healthy_z_range", sky}, {"terminate_when_unhealthy", false}});
    EXPECT_FALSE(unhealthy.terminated) << id;
    EXPECT_LT(unhealthy.reward, FirstStep(id, {}).reward) << id;
  }
  EXPECT_TRUE(FirstStep("Hopper-v5", {{"healthy_state_range", Interval{5.0, 6.0}}}).terminated);
  EXPECT_TRUE(FirstStep("Walker2d-v5", {{"healthy_angle_range", Interval{1.0, 2.0}}}).terminated);
}

TEST(EnvOptionsTest, MainBodyOfTheAntIsAnIndexOrAName) {
  const double torso = FirstStep("Ant-v5", {}).reward;
  EXPECT_EQ(FirstStep("Ant-v5", {{"main_body", std::string("torso")}}).reward, torso);
  EXPECT_NE(FirstStep("Ant-v5", {{"main_body", 3.0}}).reward, torso);
  EXPECT_EQ(FirstStep("Ant-v5", {{"main_body", std::string("aux_1")}}).reward,
            FirstStep("Ant-v5", {{"main_body", 3.0}}).reward);
  for (const OptionValue& wrong :
       {OptionValue(14.0), OptionValue(-1.0), OptionValue(1.5), OptionValue(std::string("head"))}) {
    EXPECT_EQ(MakeError("Ant-v5", {{"main_body", wrong}}),
              "Ant-v5: option main_body = " + ToText(wrong) +
                  "; allowed is the name of a body (\"torso\") or a whole number in [0, 13]");
  }
}

TEST(EnvOptionsTest, NoNoiseMeansTheSameStartForAllSeeds) {
  for (const std::string& id : EnvIds()) {
    const std::vector<OptionFacts> options = DescribeOptions(id);
    if (std::ranges::find(options, "reset_noise_scale", &OptionFacts::name) == options.end()) {
      continue;
    }
    const auto env = MakeEnv(id, {{"reset_noise_scale", 0.0}});
    std::vector<double> first(static_cast<std::size_t>(env->spec().observation_size));
    std::vector<double> second(first.size());
    env->Reset(1, first);
    env->Reset(2, second);
    EXPECT_EQ(first, second) << id;
  }
}

TEST(EnvOptionsTest, StepLimitCanBeSet) {
  EXPECT_EQ(MakeEnv("Hopper-v5", {}, 7)->spec().max_episode_steps, 7);
  EXPECT_EQ(MessageOf<ConfigError>([] { MakeEnv("Hopper-v5", {}, 0); }),
            "Hopper-v5: max_episode_steps = 0; allowed is a number above 0");
}

}  // namespace
}  // namespace duet::envs
