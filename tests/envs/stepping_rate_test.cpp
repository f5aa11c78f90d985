#include "envs/stepping_rate.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

TEST(SteppingRateTest, TimesEveryMujocoEnvironment) {
  for (const std::string& id : EnvIds()) {
    if (!DescribeEnv(id).engine.starts_with("MuJoCo")) continue;  // nothing to compare with
    const SteppingRate rate =
        MeasureSteppingRate(id, {.num_envs = 3, .num_threads = 2, .seconds = 0.01});
    EXPECT_GT(rate.steps_per_second, 0.0) << id;
    EXPECT_GT(rate.bare_steps_per_second, 0.0) << id;
    EXPECT_GT(rate.ratio, 0.0) << id;
    EXPECT_GE(rate.num_rounds, 5) << id;
  }
}

TEST(SteppingRateTest, SettingsOutOfRangeAreRefused) {
  EXPECT_EQ(MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.num_envs = 0}); }),
            "envs = 0; allowed is 1 to 100000");
  EXPECT_EQ(MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.num_threads = 2000}); }),
            "threads = 2000; allowed is 1 to 1024");
  EXPECT_EQ(MessageOf<ConfigError>([] { MeasureSteppingRate("Hopper-v5", {.seconds = 0.0}); }),
            "seconds = 0; allowed is 0.01 to 3600");
}

}  // namespace
}  // namespace duet::envs
