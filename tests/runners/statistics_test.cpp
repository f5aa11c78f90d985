#include "runners/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "tests/support/message_of.h"

namespace duet::runners {
namespace {

using support::MessageOf;

using Scores = std::vector<double>;

// Made-up scores of 1 to 12 seeds; every third set has ties.
template <typename Function>
void ForManyScores(Function function) {
  core::Rng rng(5);
  for (int i = 0; i < 200; ++i) {
    Scores scores(static_cast<std::size_t>(1 + rng.Index(12)));
    for (double& score : scores) {
      score = i % 3 == 0 ? static_cast<double>(rng.Index(3)) : 1000.0 * rng.Normal();
    }
    function(scores);
  }
}

TEST(InterquartileMeanTest, DropsAQuarterRoundedDownAtEachEnd) {
  EXPECT_EQ(InterquartileMean(Scores{7}), 7.0);
  EXPECT_EQ(InterquartileMean(Scores{1, 2}), 1.5);
  EXPECT_EQ(InterquartileMean(Scores{9, 1, 2}), 4.0);
  EXPECT_EQ(InterquartileMean(Scores{100, 2, 4, -100}), 3.0);
  EXPECT_EQ(InterquartileMean(Scores{100, 2, 3, 4, -100}), 3.0);
  EXPECT_EQ(InterquartileMean(Scores{8, 7, 6, 5, 4, 3, 2, 1}), 4.5);
}

TEST(InterquartileMeanTest, LiesBetweenTheLeastAndTheGreatest) {
  ForManyScores([](const Scores& scores) {
    const double iqm = InterquartileMean(scores);
    EXPECT_GE(iqm, *std::min_element(scores.begin(), scores.end()));
    EXPECT_LE(iqm, *std::max_element(scores.begin(), scores.end()));
  });
}

TEST(InterquartileMeanTest, MovesAndScalesWithTheScores) {
  ForManyScores([](const Scores& scores) {
    Scores moved;
    for (const double score : scores) moved.push_back(3.0 * score + 10.0);
    EXPECT_NEAR(InterquartileMean(moved), 3.0 * InterquartileMean(scores) + 10.0, 1e-9);
  });
}

TEST(MedianTest, IsTheMiddleOrTheMeanOfTheTwoMiddleOnes) {
  EXPECT_EQ(Median(Scores{3, 1, 2}), 2.0);
  EXPECT_EQ(Median(Scores{4, 1, 2, 3}), 2.5);
}

TEST(BootstrapTest, IntervalContainsTheInterquartileMeanAndStaysWithinTheScores) {
  ForManyScores([](const Scores& scores) {
    const Estimate estimate = BootstrapInterquartileMean(scores, {.resamples = 2000});
    EXPECT_EQ(estimate.value, InterquartileMean(scores));
    EXPECT_LE(estimate.low, estimate.value);
    EXPECT_GE(estimate.high, estimate.value);
    EXPECT_GE(estimate.low, *std::min_element(scores.begin(), scores.end()));
    EXPECT_LE(estimate.high, *std::max_element(scores.begin(), scores.end()));
    EXPECT_EQ(estimate.has_interval, scores.size() > 1);
  });
}

TEST(BootstrapTest, OneScoreHasNoInterval) {
  const Estimate estimate = BootstrapInterquartileMean(Scores{812.0});
  EXPECT_FALSE(estimate.has_interval);
  EXPECT_EQ(estimate.low, 812.0);
  EXPECT_EQ(estimate.high, 812.0);
}

TEST(BootstrapTest, IdenticalScoresHaveAnIntervalOfNoWidth) {
  for (const std::size_t seeds : {2, 3, 5}) {
    const Estimate estimate = BootstrapInterquartileMean(Scores(seeds, 0.1));
    EXPECT_TRUE(estimate.has_interval);
    EXPECT_EQ(estimate.low, 0.1);
    EXPECT_EQ(estimate.value, 0.1);
    EXPECT_EQ(estimate.high, 0.1);
  }
}

TEST(BootstrapTest, EqualInputGivesEqualOutput) {
  const Scores scores = {3, 1, 4, 1, 5};
  const Estimate a = BootstrapInterquartileMean(scores);
  const Estimate b = BootstrapInterquartileMean(scores);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
}

TEST(BootstrapTest, DoesNotDependOnTheOrderOfTheSeedsBeyondChance) {
  const Estimate a = BootstrapInterquartileMean(Scores{3, 1, 4, 1.5, 5});
  const Estimate b = BootstrapInterquartileMean(Scores{5, 4, 3, 1.5, 1});
  EXPECT_EQ(a.value, b.value);
  EXPECT_NEAR(a.low, b.low, 0.2);
  EXPECT_NEAR(a.high, b.high, 0.2);
}

// Of three scores there are 27 resamples, so the bootstrap distribution is known exactly: the
// least and the greatest mean have 1/27 > 2.5 % each.
TEST(BootstrapTest, AgreesWithTheExactDistributionOfThreeScores) {
  const Estimate estimate = BootstrapInterquartileMean(Scores{10, 20, 60});
  EXPECT_EQ(estimate.low, 10.0);
  EXPECT_EQ(estimate.value, 30.0);
  EXPECT_EQ(estimate.high, 60.0);
}

TEST(BootstrapTest, FiftyThousandResamplesTakeFarUnderASecond) {
  const auto start = std::chrono::steady_clock::now();
  BootstrapInterquartileMean(Scores{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_LT(taken.count(), 1.0);
  RecordProperty("seconds", std::to_string(taken.count()));
}

TEST(ProbabilityOfImprovementTest, CountsPairsAndHalvesTies) {
  EXPECT_EQ(ProbabilityOfImprovement(Scores{2, 3}, Scores{1, 1}), 1.0);
  EXPECT_EQ(ProbabilityOfImprovement(Scores{1, 3}, Scores{2}), 0.5);
  EXPECT_EQ(ProbabilityOfImprovement(Scores{1, 1}, Scores{1, 2}), 0.25);
}

TEST(ProbabilityOfImprovementTest, OfBothDirectionsSumsToOne) {
  core::Rng rng(9);
  ForManyScores([&](const Scores& x) {
    Scores y(static_cast<std::size_t>(1 + rng.Index(6)));
    for (double& score : y) score = static_cast<double>(rng.Index(4));
    EXPECT_NEAR(ProbabilityOfImprovement(x, y) + ProbabilityOfImprovement(y, x), 1.0, 1e-15);
  });
}

TEST(ProbabilityOfImprovementTest, IntervalContainsTheValueAndStaysWithinZeroAndOne) {
  core::Rng rng(9);
  ForManyScores([&](const Scores& x) {
    Scores y(static_cast<std::size_t>(2 + rng.Index(6)));
    for (double& score : y) score = 500.0 * rng.Normal();
    const Estimate estimate = BootstrapProbabilityOfImprovement(x, y, {.resamples = 2000});
    EXPECT_TRUE(estimate.has_interval);
    EXPECT_GE(estimate.low, 0.0);
    EXPECT_LE(estimate.low, estimate.value);
    EXPECT_LE(estimate.value, estimate.high);
    EXPECT_LE(estimate.high, 1.0);
  });
}

TEST(ProbabilityOfImprovementTest, OfOneSeedEachHasNoInterval) {
  const Estimate estimate = BootstrapProbabilityOfImprovement(Scores{2}, Scores{1});
  EXPECT_FALSE(estimate.has_interval);
  EXPECT_EQ(estimate.value, 1.0);
}

TEST(StatisticsTest, NameAScoreThatIsNotFinite) {
  EXPECT_EQ(MessageOf<Error>([] {
              InterquartileMean(Scores{1, std::nan(""), 3});
            }),
            "interquartile mean: score 2 of 3 is nan, a finite number is needed");
  EXPECT_EQ(MessageOf<Error>([] {
              BootstrapProbabilityOfImprovement(Scores{1}, Scores{2, HUGE_VAL});
            }),
            "probability of improvement, baseline: score 2 of 2 is inf, a finite number is needed");
  EXPECT_EQ(MessageOf<Error>([] { Mean(Scores{}); }), "mean: no score, at least 1 is needed");
}

TEST(InterpolateTest, IsLinearBetweenPointsAndHeldOutside) {
  const Scores xs = {10, 20, 40}, ys = {1, 3, 7};
  EXPECT_EQ(Interpolate(xs, ys, Scores{0, 10, 15, 20, 30, 40, 50}), (Scores{1, 1, 2, 3, 5, 7, 7}));
}

TEST(AreaUnderCurveTest, IsTheMeanHeight) {
  EXPECT_EQ(AreaUnderCurve(Scores{0, 10}, Scores{2, 4}), 3.0);
  EXPECT_EQ(AreaUnderCurve(Scores{0, 10, 40}, Scores{0, 4, 4}), 3.5);
  EXPECT_EQ(AreaUnderCurve(Scores{5}, Scores{3}), 3.0);
}

TEST(AreaUnderCurveTest, DoesNotChangeWithPointsOnTheLine) {
  const Scores xs = {0, 8}, ys = {1, 5}, grid = {0, 1, 3, 8};
  EXPECT_NEAR(AreaUnderCurve(grid, Interpolate(xs, ys, grid)), AreaUnderCurve(xs, ys), 1e-15);
}

// Scores and numbers of rliable, see tests/reference/generate_rliable.py for the ranges.
class RliableReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(std::string(DUET_SOURCE_DIR) + "/tests/reference/rliable.json");
    ASSERT_TRUE(file);
    reference_ = nlohmann::json::parse(file);
    ASSERT_EQ(reference_["resamples"].get<std::int64_t>(), BootstrapOptions{}.resamples);
  }
  static void ExpectAgrees(const Estimate& estimate, const nlohmann::json& expected) {
    const double value = expected["value"];
    EXPECT_NEAR(estimate.value, value, 1e-12 * std::max(1.0, std::abs(value)));
    constexpr double kRounding = 1e-9;
    EXPECT_GE(estimate.low, expected["low_range"][0].get<double>() - kRounding);
    EXPECT_LE(estimate.low, expected["low_range"][1].get<double>() + kRounding);
    EXPECT_GE(estimate.high, expected["high_range"][0].get<double>() - kRounding);
    EXPECT_LE(estimate.high, expected["high_range"][1].get<double>() + kRounding);
  }
  nlohmann::json reference_;
};

TEST_F(RliableReferenceTest, InterquartileMeansAndIntervalsAgree) {
  for (const nlohmann::json& item : reference_["cases"]) {
    SCOPED_TRACE(item["x"].dump());
    ExpectAgrees(BootstrapInterquartileMean(item["x"].get<std::vector<Scores>>()), item["iqm"]);
  }
}

TEST_F(RliableReferenceTest, ProbabilitiesOfImprovementAndIntervalsAgree) {
  int compared = 0;
  for (const nlohmann::json& item : reference_["cases"]) {
    if (!item.contains("probability_of_improvement")) continue;
    SCOPED_TRACE(item["x"].dump());
    const Scores x = item["x"][0], y = item["y"][0];
    ExpectAgrees(BootstrapProbabilityOfImprovement(x, y), item["probability_of_improvement"]);
    ++compared;
  }
  EXPECT_GE(compared, 5);
}

TEST_F(RliableReferenceTest, MeansAndMediansAgree) {
  for (const nlohmann::json& item : reference_["cases"]) {
    if (item["x"].size() != 1) continue;
    const Scores x = item["x"][0];
    EXPECT_NEAR(Mean(x), item["mean"].get<double>(), 1e-9);
    EXPECT_NEAR(Median(x), item["median"].get<double>(), 1e-9);
  }
}

// Quantiles of Student's t from tables: 4.3027 for three scores, 2.7764 for five.
TEST(MeanIntervalTest, IsThatOfStudentsT) {
  const Estimate three = MeanInterval(std::vector<double>{1.0, 2.0, 3.0});
  EXPECT_DOUBLE_EQ(three.value, 2.0);
  EXPECT_NEAR(three.high - 2.0, 4.3027 / std::sqrt(3.0), 1e-4);
  EXPECT_NEAR(three.low + three.high, 4.0, 1e-12);
  const Estimate five = MeanInterval(std::vector<double>{1.0, 2.0, 3.0, 4.0, 5.0});
  EXPECT_NEAR(five.high - 3.0, 2.7764 * std::sqrt(2.5 / 5.0), 1e-4);
  EXPECT_FALSE(MeanInterval(std::vector<double>{7.0}).has_interval);
}

}  // namespace
}  // namespace duet::runners
