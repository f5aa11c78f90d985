#include "runners/summary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/runners/made_up_results.h"
#include "tests/support/message_of.h"

namespace duet::runners {
namespace {

using support::MessageOf;

EvaluationPoint Point(std::int64_t steps, const std::string& phase,
                      std::vector<std::vector<double>> returns) {
  return {.env_steps_total = steps,
          .env_steps_per_learner = steps,
          .gradient_steps_total = steps,
          .phase = phase,
          .returns = std::move(returns)};
}

TEST(SummaryTest, ScoreOfAPairIsTheMeanOfItsLearnersAndOfATeacherTheStudents) {
  MethodResult method;
  method.kind = "dual";
  EXPECT_EQ(Score(method, {10.0, 20.0}), 15.0);
  method.kind = "teacher";
  EXPECT_EQ(Score(method, {10.0, 20.0}), 20.0);
  EXPECT_EQ(Score(method, {30.0}), 30.0);
}

TEST(SummaryTest, TakesFinalBestAndAreaFromThePhaseTraining) {
  ComparisonResult comparison;
  MethodResult method = MakeUpMethod("teacher", "teacher", 1.0, 2);
  method.evaluations = {
      Point(0, "teacher", {{900.0}, {900.0}}), Point(100, "training", {{0.0}, {10.0}}),
      Point(200, "training", {{8.0}, {30.0}}), Point(300, "training", {{4.0}, {20.0}})};
  comparison.methods = {method};
  const MethodSummary summary = Summarize(comparison).front();
  EXPECT_EQ(summary.final_return.per_seed, (std::vector<double>{4.0, 20.0}));
  EXPECT_EQ(summary.best_return.per_seed, (std::vector<double>{8.0, 30.0}));
  // The wait until 100 counts at the height of the first evaluation.
  EXPECT_NEAR(summary.area_under_curve.per_seed[0], (0.0 + 4.0 + 6.0) / 3.0, 1e-12);
  EXPECT_NEAR(summary.area_under_curve.per_seed[1], (10.0 + 20.0 + 25.0) / 3.0, 1e-12);
  EXPECT_FALSE(summary.improvement.has_value());
}

TEST(SummaryTest, MeasuresEveryOtherMethodAgainstAlone) {
  const ComparisonResult comparison = MakeUpComparison();
  const std::vector<MethodSummary> summaries = Summarize(comparison);
  EXPECT_FALSE(summaries[0].improvement.has_value());
  for (std::size_t i = 1; i < summaries.size(); ++i) {
    ASSERT_TRUE(summaries[i].improvement.has_value());
    EXPECT_EQ(summaries[i].improvement->over, "alone");
  }
}

TEST(SummaryTest, WithoutAloneThereIsNoBaseline) {
  ComparisonResult comparison = MakeUpComparison();
  comparison.methods.erase(comparison.methods.begin());
  EXPECT_EQ(Baseline(comparison), nullptr);
  for (const MethodSummary& summary : Summarize(comparison)) EXPECT_FALSE(summary.improvement);
}

TEST(SummaryTest, NamesAReturnThatIsNotFinite) {
  ComparisonResult comparison = MakeUpComparison();
  comparison.methods[2].evaluations[3].returns[1][1] = std::nan("");
  EXPECT_EQ(MessageOf<Error>([&] { Summarize(comparison); }),
            "dual: the return of seed 1 at 30000 environment steps is nan, a finite number is "
            "needed");
}

TEST(SummaryTest, NeedsAnEvaluationInPhaseTraining) {
  ComparisonResult comparison = MakeUpComparison();
  comparison.methods[0].evaluations.clear();
  EXPECT_EQ(MessageOf<Error>([&] { Summarize(comparison); }),
            "alone: no evaluation in phase \"training\", at least 1 is needed");
}

TEST(FingerprintTest, IsTheSameForEqualNumbersWhateverTheTime) {
  const ComparisonResult comparison = MakeUpComparison();
  ComparisonResult other = comparison;
  other.wall_seconds *= 2.0;
  other.provenance.started = "another day";
  other.provenance.hardware = "another machine";
  other.methods[1].wall_seconds = 1.0;
  EXPECT_EQ(Fingerprint(comparison), Fingerprint(other));
  EXPECT_EQ(Fingerprint(comparison).size(), 64U);
}

TEST(FingerprintTest, ChangesWithAnyParameterReturnNameOrOrder) {
  const ComparisonResult comparison = MakeUpComparison();
  const std::string before = Fingerprint(comparison);
  ComparisonResult other = comparison;
  double& value = other.methods[2].evaluations[5].returns[3][1];
  value = std::nextafter(value, 1e9);
  EXPECT_NE(Fingerprint(other), before);
  other = comparison;
  other.methods[0].parameters_sha256[7] = 'x';
  EXPECT_NE(Fingerprint(other), before);
  other = comparison;
  other.methods[3].name += "x";
  EXPECT_NE(Fingerprint(other), before);
  other = comparison;
  std::swap(other.methods[0], other.methods[1]);
  EXPECT_NE(Fingerprint(other), before);
  other = comparison;
  other.methods[0].evaluations.pop_back();
  EXPECT_NE(Fingerprint(other), before);
}

TEST(VerdictTest, SaysWhatTheIntervalShows) {
  ComparisonResult comparison;
  comparison.methods = {MakeUpMethod("alone", "alone", 1.0), MakeUpMethod("dual", "dual", 1.0)};
  const auto set = [&](std::size_t method, const std::vector<double>& scores) {
    auto& returns = comparison.methods[method].evaluations.back().returns;
    for (std::size_t i = 0; i < scores.size(); ++i) returns[i].assign(returns[i].size(), scores[i]);
  };
  const auto verdict = [&] { return Verdict(comparison.methods[1], Summarize(comparison)[1]); };
  set(0, {1, 2, 3, 4, 5});
  set(1, {11, 12, 13, 14, 15});
  EXPECT_TRUE(
      verdict().ends_with("better than alone with probability 1.00 [1.00, 1.00]: the "
                          "interval lies above 0.5."))
      << verdict();
  set(1, {-11, -12, -13, -14, -15});
  EXPECT_TRUE(verdict().ends_with("lies below 0.5.")) << verdict();
  set(1, {5, 4, 3, 2, 1});
  EXPECT_TRUE(verdict().ends_with("includes 0.5, so no difference is shown.")) << verdict();
}

TEST(VerdictTest, OneSeedShowsNothingAndThreeAreFew) {
  ComparisonResult comparison = MakeUpComparison(1);
  EXPECT_TRUE(Verdict(comparison.methods[2], Summarize(comparison)[2])
                  .ends_with("[n/a]: one seed shows no difference."));
  comparison = MakeUpComparison(3);
  EXPECT_TRUE(
      Verdict(comparison.methods[2], Summarize(comparison)[2]).ends_with("(3 seeds are few)."));
}

TEST(FormatTest, ScoresAreShortAndPlain) {
  EXPECT_EQ(FormatScore(812.44), "812.4");
  EXPECT_EQ(FormatScore(-1234.5), "-1234");
  EXPECT_EQ(FormatScore(10321.4), "10,321");
  EXPECT_EQ(FormatScore(0.0534), "0.053");
  EXPECT_EQ(FormatScore(-0.0001), "0");
  EXPECT_EQ(FormatScore(999.96), "1000");
  EXPECT_EQ(FormatScore({.value = 1, .low = 1, .high = 1, .has_interval = false}), "1.00 [n/a]");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatCount(12), "12");
}

}  // namespace
}  // namespace duet::runners
