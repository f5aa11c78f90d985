#include "envs/stepping_rate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;

SteppingRateSettings Short() { return {.num_envs = 3, .num_threads = 2, .seconds = 0.01}; }

bool OnMujoco(const std::string& id) {
  return std::ranges::binary_search(EnvIds(Engine::kMujoco), id);
}

// The measurement itself checks that the limit ends where the environments do.
TEST(SteppingRateTest, TimesEveryEnvironment) {
  for (const std::string& id : EnvIds()) {
    const SteppingRate rate = MeasureSteppingRate(id, Short());
    EXPECT_GT(rate.steps_per_second, 0.0) << id;
    EXPECT_EQ(rate.limit, OnMujoco(id) ? "mj_step" : "direct") << id;
    EXPECT_GT(rate.limit_steps_per_second, 0.0) << id;
    EXPECT_GT(rate.ratio.lower_quartile, 0.0) << id;
    EXPECT_LE(rate.ratio.lower_quartile, rate.ratio.median) << id;
    EXPECT_LE(rate.ratio.median, rate.ratio.upper_quartile) << id;
    EXPECT_GE(rate.num_rounds, 5) << id;
    EXPECT_GT(rate.taking_limit_steps_per_second.value(), 0.0) << id;
    EXPECT_GT(rate.taking_ratio.value().median, 0.0) << id;
  }
}

TEST(SteppingRateTest, TimesEveryEnvironmentAsynchronously) {
  for (const std::string& id : EnvIds()) {
    SteppingRateSettings settings = Short();
    settings.ready = 2;
    EXPECT_GT(MeasureSteppingRate(id, settings).steps_per_second, 0.0) << id;
  }
}

TEST(SteppingRateTest, OneThreadHasNothingToTake) {
  SteppingRateSettings settings = Short();
  settings.num_threads = 1;
  EXPECT_FALSE(MeasureSteppingRate("Hopper-v5", settings).taking_ratio.has_value());
}

// Random actions let a pole fall within some steps; these push it back.
TEST(SteppingRateTest, APolicyActsOnWhatItSees) {
  SteppingRateSettings settings = Short();
  double steepest = 0.0;
  std::size_t num_calls = 0;
  settings.policy = [&](std::span<const float> observations, std::span<float> actions) {
    ASSERT_EQ(observations.size(), 3 * 4);
    ASSERT_EQ(actions.size(), 3);
    ++num_calls;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto row = observations.subspan(4 * i, 4);
      steepest = std::max(steepest, std::abs(static_cast<double>(row[1])));
      actions[i] = std::clamp(10.0F * row[1] + row[3] + 0.1F * row[0], -3.0F, 3.0F);
    }
  };
  MeasureSteppingRate("InvertedPendulum-v5", settings);
  EXPECT_GE(num_calls, 10);
  EXPECT_LT(steepest, 0.1);
}

// Pushing towards the side to which the pole leans and turns keeps it up; random pushes do not.
TEST(SteppingRateTest, APolicyChoosesAmongDiscreteActions) {
  SteppingRateSettings settings = Short();
  double steepest = 0.0;
  settings.policy = [&](std::span<const float> observations, std::span<float> actions) {
    ASSERT_EQ(actions.size(), 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto row = observations.subspan(4 * i, 4);
      steepest = std::max(steepest, std::abs(static_cast<double>(row[2])));
      actions[i] = row[2] + row[3] > 0.0F ? 1.0F : 0.0F;
    }
  };
  MeasureSteppingRate("CartPole-v1", settings);
  EXPECT_GT(steepest, 0.0);
  EXPECT_LT(steepest, 0.15);
}

TEST(SteppingRateTest, OptionsReachTheTask) {
  SteppingRateSettings settings = Short();
  std::size_t width = 0;
  settings.options = {{"exclude_current_positions_from_observation", false}};
  settings.policy = [&](std::span<const float> observations, std::span<float> actions) {
    width = observations.size() / 3;
    std::ranges::fill(actions, 0.0F);
  };
  MeasureSteppingRate("Hopper-v5", settings);
  EXPECT_EQ(width, 12);
}

TEST(SteppingRateTest, SettingsOutOfRangeAreRefused) {
  EXPECT_EQ(MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.num_envs = 0}); }),
            "envs = 0; allowed is 1 to 100000");
  EXPECT_EQ(MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.num_threads = 2000}); }),
            "threads = 2000; allowed is 1 to 1024");
  EXPECT_EQ(MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.seconds = 0.0}); }),
            "seconds = 0; allowed is 0.01 to 3600");
  EXPECT_EQ(
      MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.num_envs = 8, .ready = 9}); }),
      "ready = 9; allowed is 0 to 8");
  EXPECT_THAT(MessageOf<ConfigError>([] {
                MeasureSteppingRate("Hopper-v5", {.options = {{"gravity", 1.0}}});
              }),
              HasSubstr("gravity"));
}

}  // namespace
}  // namespace duet::envs
