#include "distill/tasks/learning_rate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

TEST(LearningRateTest, ConstantStays) {
  const LearningRateConfig config{.kind = LearningRateKind::kConstant, .learning_rate = 0.3};
  for (const double epoch : {0.0, 3.5, 10.0}) EXPECT_EQ(LearningRateAt(config, epoch, 10), 0.3);
}

TEST(LearningRateTest, CosineGoesFromTheFirstToTheLast) {
  const LearningRateConfig config{.learning_rate = 0.5, .final_learning_rate = 0.1};
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0.0, 10), 0.5);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 5.0, 10), 0.3);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 10.0, 10), 0.1);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 2.5, 10), 0.3 + 0.2 * std::sqrt(0.5));
}

TEST(LearningRateTest, MultistepFallsAtEachMilestone) {
  const LearningRateConfig config{.kind = LearningRateKind::kMultistep,
                                  .learning_rate = 1.0,
                                  .milestones = {3, 5},
                                  .decay = 0.5};
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 2.99, 10), 1.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 3.0, 10), 0.5);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 5.0, 10), 0.25);
}

TEST(LearningRateTest, WarmRestartsBeginAnewInLongerPeriods) {
  const LearningRateConfig config{.kind = LearningRateKind::kWarmRestarts,
                                  .learning_rate = 1.0,
                                  .restart_epochs = 2,
                                  .restart_factor = 3};
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0.0, 100), 1.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 1.0, 100), 0.5);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 2.0, 100), 1.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 5.0, 100), 0.5);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 8.0, 100), 1.0);
}

TEST(LearningRateTest, WarmUpGrowsLinearlyAndThenTheScheduleBegins) {
  const LearningRateConfig config{.learning_rate = 1.0, .warmup_epochs = 4, .warmup_start = 0.2};
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 0.0, 14), 0.2);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 2.0, 14), 0.6);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 4.0, 14), 1.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(config, 9.0, 14), 0.5);
}

TEST(LearningRateTest, RefusesContradictions) {
  EXPECT_EQ(support::MessageOf<ConfigError>([] {
              Validate(LearningRateConfig{.milestones = {5, 5}});
            }),
            "milestones = [5, 5] must be ascending");
  EXPECT_EQ(support::MessageOf<ConfigError>([] {
              Validate(LearningRateConfig{.learning_rate = 0.1, .final_learning_rate = 0.2});
            }),
            "final_learning_rate = 0.2 is above learning_rate = 0.1");
}

}  // namespace
}  // namespace duet::tasks
