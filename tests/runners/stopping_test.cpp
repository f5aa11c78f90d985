#include "runners/stopping.h"

#include <gtest/gtest.h>

#include <vector>

namespace duet::runners {
namespace {

// Evaluations of two seeds with a pair each, whose means are these.
std::vector<EvaluationPoint> Evaluations(const std::vector<double>& means) {
  std::vector<EvaluationPoint> points;
  for (const double mean : means) {
    EvaluationPoint& point = points.emplace_back();
    point.returns = {{mean - 3.0, mean + 1.0}, {mean + 2.0, mean}};
  }
  return points;
}

TEST(StoppingTest, TheMeanIsOverSeedsAndLearners) {
  EXPECT_DOUBLE_EQ(MeanReturn(Evaluations({7.0}).front()), 7.0);
}

TEST(StoppingTest, ByDefaultTheBudgetAloneEndsTraining) {
  EXPECT_EQ(StopReason({}, Evaluations({1.0, 1e12, -5.0, -5.0, -5.0})), "");
}

TEST(StoppingTest, StopsWhenTheLatestEvaluationReachesTheReturn) {
  const TrainingConfig config{.stop_at_return = 475.0};
  EXPECT_EQ(StopReason(config, {}), "");
  EXPECT_EQ(StopReason(config, Evaluations({480.0, 474.9})), "");
  EXPECT_EQ(StopReason(config, Evaluations({10.0, 475.0})),
            "the mean return 475.0 reached training.stop_at_return = 475");
}

TEST(StoppingTest, StopsWhenNothingBetterCameForTooLong) {
  const TrainingConfig config{.patience = 2};
  EXPECT_EQ(StopReason(config, Evaluations({3.0, 5.0, 4.0})), "");
  EXPECT_EQ(StopReason(config, Evaluations({3.0, 5.0, 4.0, 6.0, 5.0})), "");
  EXPECT_EQ(StopReason(config, Evaluations({3.0, 5.0, 4.0, 5.0})),
            "the mean return has not risen above 5.00 for training.patience = 2 evaluations");
}

}  // namespace
}  // namespace duet::runners
