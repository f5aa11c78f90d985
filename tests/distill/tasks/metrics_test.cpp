#include "distill/tasks/metrics.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

#include "core/random.h"
#include "distill/tasks/measurement.h"
#include "tests/distill/rules/answers.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

using distill::MaxDifference;
using distill::Wave;

constexpr std::int64_t kMembers = 2, kSamples = 40, kClasses = 5;

Tensor Logits(double frequency) { return 3.0 * Wave({kMembers, kSamples, kClasses}, frequency); }

const Tensor kStudent = Logits(1.3), kTeacher = Logits(0.7);
const Tensor kLabels = at::arange(kSamples, at::kLong).remainder(kClasses);

double Of(const Tensor& per_member, std::int64_t m = 0) { return per_member[m].item<double>(); }

// Logits of one member whose probabilities are these.
Tensor Probabilities(std::vector<double> values, std::int64_t classes) {
  return at::tensor(values, at::kDouble).log().view({1, -1, classes});
}

TEST(AccuracyTest, CountsLikeliestClassesPerMember) {
  const Tensor logits = at::zeros({2, 4, 3}, at::kDouble);
  const Tensor labels = at::tensor({0, 1, 2, 0}, at::kLong);
  for (std::int64_t n = 0; n < 4; ++n) logits[0][n][labels[n].item<std::int64_t>()] = 1.0;
  logits[1].select(1, 1).fill_(1.0);  // always class 1
  EXPECT_EQ(Of(Accuracy(logits, labels), 0), 1.0);
  EXPECT_EQ(Of(Accuracy(logits, labels), 1), 0.25);
  // Labels of each member's own.
  EXPECT_EQ(Of(Accuracy(logits, at::stack({labels, at::ones_like(labels)})), 1), 1.0);
}

// Not a block of all samples' labels, as indexing without the sample axis has it.
TEST(NegativeLogLikelihoodTest, IsTheMeanOfTheLabelsLogProbabilities) {
  const Tensor log_p = kStudent.log_softmax(2);
  double sum = 0.0;
  for (std::int64_t n = 0; n < kSamples; ++n) {
    sum -= log_p[1][n][kLabels[n].item<std::int64_t>()].item<double>();
  }
  EXPECT_NEAR(Of(NegativeLogLikelihood(kStudent, kLabels), 1), sum / kSamples, 1e-12);
}

TEST(MeanEntropyTest, IsLogOfTheClassesWhereAllAreEqual) {
  EXPECT_NEAR(Of(MeanEntropy(at::zeros({1, 3, kClasses}, at::kDouble))), std::log(5.0), 1e-12);
  EXPECT_NEAR(Of(MeanEntropy(1e4 * kStudent)), 0.0, 1e-12);
}

TEST(AgreementTest, OfAClassifierWithItselfIsFullAndItsDivergenceZero) {
  EXPECT_EQ(Of(Agreement(kStudent, kStudent)), 1.0);
  EXPECT_NEAR(Of(PredictiveKl(kStudent, kStudent)), 0.0, 1e-14);
}

TEST(AgreementTest, IsSymmetricAndTheDivergenceIsNot) {
  EXPECT_TRUE(at::equal(Agreement(kStudent, kTeacher), Agreement(kTeacher, kStudent)));
  EXPECT_GT(MaxDifference(PredictiveKl(kStudent, kTeacher), PredictiveKl(kTeacher, kStudent)),
            1e-4);
  const Tensor log_t = kTeacher.log_softmax(2);
  const Tensor forward = (log_t.exp() * (log_t - kStudent.log_softmax(2))).sum(2).mean(1);
  EXPECT_LT(MaxDifference(PredictiveKl(kStudent, kTeacher), forward), 1e-12);
}

TEST(AgreementTest, NeitherSeesACommonShiftOfLogits) {
  const Tensor shift = Wave({kMembers, kSamples, 1}, 0.2);
  EXPECT_TRUE(at::equal(Agreement(kStudent + shift, kTeacher), Agreement(kStudent, kTeacher)));
  EXPECT_LT(MaxDifference(PredictiveKl(kStudent + shift, kTeacher - shift),
                          PredictiveKl(kStudent, kTeacher)),
            1e-12);
}

// |acc_s - acc_t| <= 1 - agreement <= err_s + err_t.
TEST(AgreementTest, LiesBetweenWhatTheAccuraciesAllow) {
  for (double frequency = 0.3; frequency < 3.0; frequency += 0.17) {
    for (const double closeness : {0.0, 0.5, 0.9}) {
      const Tensor student = closeness * kTeacher + (1.0 - closeness) * Logits(frequency);
      const Tensor s = Accuracy(student, kLabels), t = Accuracy(kTeacher, kLabels);
      const Tensor disagreement = 1.0 - Agreement(student, kTeacher);
      EXPECT_TRUE(((s - t).abs() <= disagreement + 1e-12).all().item<bool>());
      EXPECT_TRUE((disagreement <= 2.0 - s - t + 1e-12).all().item<bool>());
    }
  }
}

TEST(AgreementOnMistakesTest, LooksAtTheTeachersErrorsAlone) {
  const Tensor labels = at::tensor({0, 0, 1, 1}, at::kLong);
  const auto choices = [](std::vector<std::int64_t> classes) {
    return at::one_hot(at::tensor(classes, at::kLong), 3).to(at::kDouble).unsqueeze(0);
  };
  const Tensor teacher = choices({0, 1, 2, 1});  // wrong on samples 1 and 2
  EXPECT_EQ(Of(AgreementOnMistakes(choices({2, 1, 0, 2}), teacher, labels)), 0.5);
  EXPECT_EQ(Of(AgreementOnMistakes(teacher, teacher, labels)), 1.0);
  EXPECT_TRUE(std::isnan(Of(AgreementOnMistakes(teacher, choices({0, 0, 1, 1}), labels))));
}

TEST(ReliabilityTest, PutsSamplesIntoTheirBins) {
  // Sure by 0.55, 0.6, 0.9 and 1 of class 0; right but for the third.
  const Tensor logits = Probabilities({0.55, 0.45, 0.6, 0.4, 0.9, 0.1, 1.0, 0.0}, 2);
  const Tensor labels = at::tensor({0, 0, 1, 0}, at::kLong);
  const ReliabilityBins bins = Reliability(logits, labels, 10);
  EXPECT_EQ(bins.count.sum().item<double>(), 4.0);
  EXPECT_EQ(bins.count[0][5].item<double>(), 2.0);  // (0.5, 0.6]
  EXPECT_EQ(bins.count[0][8].item<double>(), 1.0);
  EXPECT_EQ(bins.count[0][9].item<double>(), 1.0);
  EXPECT_NEAR(bins.confidence[0][5].item<double>(), 0.575, 1e-12);
  EXPECT_EQ(bins.accuracy[0][8].item<double>(), 0.0);
  EXPECT_EQ(bins.accuracy[0][0].item<double>(), 0.0);
  // (2 * |1 - 0.575| + |0 - 0.9| + 0) / 4.
  EXPECT_NEAR(Of(CalibrationError(bins)), (2.0 * 0.425 + 0.9) / 4.0, 1e-12);
}

TEST(ReliabilityTest, OneBinComparesMeanConfidenceWithAccuracy) {
  const Tensor confidence = kStudent.softmax(2).amax(2).mean(1);
  const Tensor gap = (confidence - Accuracy(kStudent, kLabels)).abs();
  EXPECT_LT(MaxDifference(CalibrationError(Reliability(kStudent, kLabels, 1)), gap), 1e-12);
}

Tensor Draws(std::int64_t count, bool normal) {
  core::Rng rng(7);
  Tensor values = at::empty({1, count}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) {
    values[0][i] = normal ? rng.Normal() : rng.Uniform(0.0, 1.0);
  }
  return values;
}

TEST(SpacingEntropyTest, IsThatOfTheDistribution) {
  const double of_normal = 0.5 * std::log(2.0 * std::acos(-1.0) * std::exp(1.0));
  EXPECT_NEAR(Of(SpacingEntropy(Draws(4000, false))), 0.0, 0.05);
  EXPECT_NEAR(Of(SpacingEntropy(Draws(4000, true))), of_normal, 0.08);
}

TEST(SpacingEntropyTest, GrowsByTheLogarithmOfTheScaleAndSeesNoShift) {
  const Tensor values = Draws(500, true);
  const double entropy = Of(SpacingEntropy(values));
  EXPECT_NEAR(Of(SpacingEntropy(3.0 * values - 1.0)), entropy + std::log(3.0), 1e-9);
  EXPECT_NEAR(Of(SampleStd(3.0 * values - 1.0)), 3.0 * Of(SampleStd(values)), 1e-9);
  EXPECT_TRUE(std::isfinite(Of(SpacingEntropy(at::ones({1, 10})))));
}

TEST(CkaTest, IsOneForRotationsAndScalesAndBelowForOthers) {
  const Tensor a = Wave({kMembers, kSamples, 4}, 1.3);
  const Tensor rotation = std::get<0>(at::linalg_qr(Wave({4, 4}, 0.9)));
  EXPECT_LT(MaxDifference(Cka(a, 2.0 * a.matmul(rotation) + 3.0), at::ones({2}, at::kDouble)),
            1e-12);
  const Tensor other = Cka(a, Wave({kMembers, kSamples, 6}, 0.31));
  EXPECT_GE(other.min().item<double>(), 0.0);
  EXPECT_LT(other.max().item<double>(), 0.9);
  EXPECT_EQ(Of(Cka(a, at::ones_like(a))), 0.0);
}

TEST(CkaTest, IsTheSameFromGramMatricesAndFromCovariances) {
  const Tensor a = Wave({kMembers, 6, 3, 2, 2}, 1.3), b = Wave({kMembers, 6, 5}, 0.31);
  const auto centred = [](const Tensor& x) { return x.flatten(2) - x.flatten(2).mean(1, true); };
  const Tensor x = centred(a), y = centred(b);
  const auto norm = [](const Tensor& p, const Tensor& q) {
    return p.mT().bmm(q).square().sum(c10::IntArrayRef{1, 2});
  };
  EXPECT_LT(MaxDifference(Cka(a, b), norm(x, y) / (norm(x, x) * norm(y, y)).sqrt()), 1e-12);
}

// The example of arXiv:2007.09029: a teacher of 71.76 %, sizes as shares of the teacher's.
TEST(DistillationScoreTest, IsThePublishedOne) {
  const SizeAndAccuracy teacher = {1.0, 71.76};
  EXPECT_NEAR(DistillationScore({0.6284, 69.12}, teacher), 0.333, 5e-4);
  EXPECT_NEAR(DistillationScore({0.3536, 67.04}, teacher), 0.210, 5e-4);
  EXPECT_NEAR(DistillationScore({0.1525, 62.87}, teacher), 0.138, 5e-4);
  EXPECT_NEAR(DistillationScore({0.0374, 43.11}, teacher), 0.218, 5e-4);
}

TEST(DistillationScoreTest, OfTheTeacherIsAlphaAndItIsLinearInAlpha) {
  const SizeAndAccuracy teacher = {2e6, 0.9}, student = {1e5, 0.8};
  for (const double alpha : {0.0, 0.3, 1.0}) {
    EXPECT_NEAR(DistillationScore(teacher, teacher, alpha), alpha, 1e-12);
    EXPECT_NEAR(DistillationScore(student, teacher, alpha),
                alpha * DistillationScore(student, teacher, 1.0) +
                    (1.0 - alpha) * DistillationScore(student, teacher, 0.0),
                1e-12);
  }
}

TEST(DistillationScoreTest, GrowsWithSizeFallsWithAccuracyAndMayBeNegative) {
  const SizeAndAccuracy teacher = {100.0, 0.5};
  EXPECT_LT(DistillationScore({10.0, 0.4}, teacher), DistillationScore({11.0, 0.4}, teacher));
  EXPECT_GT(DistillationScore({10.0, 0.4}, teacher), DistillationScore({10.0, 0.41}, teacher));
  EXPECT_LT(DistillationScore({1.0, 0.6}, teacher), 0.0);
}

TEST(DistillationScoreTest, NeedsATeacherWorthComparing) {
  EXPECT_EQ(support::MessageOf<std::invalid_argument>([] {
              DistillationScore({1.0, 0.5}, {10.0, 0.0});
            }),
            "a teacher of size 10 and accuracy 0 is nothing to compare with; both must be above 0");
  EXPECT_EQ(support::MessageOf<std::invalid_argument>([] {
              DistillationScore({1.0, 0.5}, {10.0, 0.5}, 1.5);
            }),
            "alpha = 1.5 is outside [0, 1]");
}

TEST(MeasureTest, NamesAllNumbersOfEveryMember) {
  DataSplits data;
  data.train.labels = data.test.labels = kLabels;
  const SplitLogits logits{.train = kTeacher, .validation = {}, .test = kStudent.to(at::kFloat)};
  const auto own = MeasureModel(logits, data, 1.0, std::nullopt, {});
  EXPECT_EQ(own.size(), 3U + 6U);
  EXPECT_EQ(own.at("test_accuracy")[1], 100.0 * Of(Accuracy(kStudent, kLabels), 1));
  EXPECT_NEAR(own.at("test_entropy")[0], Of(MeanEntropy(kStudent)), 1e-6);
  EXPECT_NEAR(own.at("test_nll")[0], Of(NegativeLogLikelihood(kStudent, kLabels)), 1e-6);
  const auto both = MeasureModel(logits, data, 1.0,
                                 Reference{.train = kTeacher, .test = kTeacher, .size = 2.0}, {});
  EXPECT_EQ(both.size(), 3U + 6U + 2U + 3U + 3U + 1U);
  EXPECT_EQ(both.at("test_agreement")[0], 100.0 * Of(Agreement(kStudent, kTeacher)));
  EXPECT_EQ(both.at("train_agreement")[1], 100.0);
}

}  // namespace
}  // namespace duet::tasks
