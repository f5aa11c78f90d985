// Closed forms of the rules about logits, in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/distill/rules/answers.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

const Tensor kStudent = WaveLogits(1.3), kSource = WaveLogits(0.7);

Tensor Loss(const RuleConfig& config, const Tensor& student, const Tensor& source,
            const Context& context = {}) {
  return LossOf(config, ClassifierAnswer(student), ClassifierAnswer(source), context);
}

Context Labelled() { return {.labels = WaveLabels()}; }

// dL/dz of T^2 KL is T (softmax(z/T) - softmax(z'/T)) / B.
TEST(KdTest, TheGradientIsTheDifferenceOfSoftenedProbabilities) {
  for (const double t : {1.0, 4.0, 20.0}) {
    const RuleConfig config = {.kind = RuleKind::kKd, .temperature = t};
    const Tensor expected = t * ((kStudent / t).softmax(2) - (kSource / t).softmax(2)) / kBatch;
    EXPECT_LT(MaxDifference(LogitGradient(config, kStudent, kSource), expected), 1e-12) << t;
  }
}

TEST(KdTest, IsForwardKlByAnotherName) {
  EXPECT_TRUE(
      at::equal(Loss({.kind = RuleKind::kKd, .temperature = 3.0}, kStudent, kSource),
                Loss({.kind = RuleKind::kForwardKl, .temperature = 3.0}, kStudent, kSource)));
}

// Which is row-centred (z - z') / (B C), half the gradient of the centred logits' squared distance.
TEST(KdTest, TheLimitOfALargeTemperatureIsTheDistanceOfCentredLogits) {
  const Tensor difference = kStudent - kSource;
  const Tensor expected =
      (difference - difference.mean(2, true)) / static_cast<double>(kBatch * kClasses);
  const RuleConfig hot = {.kind = RuleKind::kKd, .temperature = 1e5};
  EXPECT_LT(MaxDifference(LogitGradient(hot, kStudent, kSource), expected), 1e-6);
  const RuleConfig mse = {.kind = RuleKind::kLogitMse};
  EXPECT_LT(MaxDifference(0.5 * LogitGradient(mse, kStudent, kSource), expected), 1e-12);
}

TEST(SoftCrossEntropyTest, HasTheGradientOfKdAndItsValuePlusTheSourcesEntropy) {
  const double t = 4.0;
  const RuleConfig soft = {.kind = RuleKind::kSoftCrossEntropy, .temperature = t};
  const RuleConfig kd = {.kind = RuleKind::kKd, .temperature = t};
  EXPECT_LT(
      MaxDifference(LogitGradient(soft, kStudent, kSource), LogitGradient(kd, kStudent, kSource)),
      1e-12);
  const Tensor log_p = (kSource / t).log_softmax(2);
  const Tensor entropy = -(log_p.exp() * log_p).sum(2) * (t * t);
  EXPECT_LT(MaxDifference(Loss(soft, kStudent, kSource), Loss(kd, kStudent, kSource) + entropy),
            1e-12);
}

TEST(SoftCrossEntropyTest, MaySoftenTheSourceAlone) {
  const RuleConfig config = {
      .kind = RuleKind::kSoftCrossEntropy, .temperature = 4.0, .soften_student = false};
  const Tensor expected = -((kSource / 4.0).softmax(2) * kStudent.log_softmax(2)).sum(2);
  EXPECT_LT(MaxDifference(Loss(config, kStudent, kSource), expected), 1e-12);
}

TEST(ReverseCrossEntropyTest, IsTheSourcesLogLossUnderTheStudent) {
  const RuleConfig config = {.kind = RuleKind::kReverseCrossEntropy, .temperature = 2.0};
  const Tensor expected =
      -4.0 * ((kStudent / 2.0).softmax(2) * (kSource / 2.0).log_softmax(2)).sum(2);
  EXPECT_LT(MaxDifference(Loss(config, kStudent, kSource), expected), 1e-12);
}

TEST(SymmetricKlTest, IsTheSumOfBothWaysWhichDiffer) {
  const auto of = [](RuleKind kind) {
    return Loss({.kind = kind, .temperature = 2.0}, kStudent, kSource);
  };
  const Tensor forward = of(RuleKind::kForwardKl), reverse = of(RuleKind::kReverseKl);
  EXPECT_GT(MaxDifference(forward, reverse), 1e-3);
  EXPECT_LT(MaxDifference(of(RuleKind::kSymmetricKl), forward + reverse), 1e-12);
}

TEST(BrierTest, IsTheMeanOverTheClassesWithoutAFactor) {
  const Tensor expected =
      ((kStudent / 2.0).softmax(2) - (kSource / 2.0).softmax(2)).square().mean(2);
  EXPECT_LT(MaxDifference(Loss({.kind = RuleKind::kBrier, .temperature = 2.0}, kStudent, kSource),
                          expected),
            1e-12);
}

TEST(HardTeacherTest, TakesTheSourcesLikeliestClassAsTheLabel) {
  const Tensor label = kSource.argmax(2);
  const Tensor loss = Loss({.kind = RuleKind::kHardTeacher}, kStudent, kSource);
  const Tensor log_s = kStudent.log_softmax(2);
  for (std::int64_t m = 0; m < kMembers; ++m) {
    for (std::int64_t b = 0; b < kBatch; ++b) {
      const auto c = label[m][b].item<std::int64_t>();
      EXPECT_NEAR(loss[m][b].item<double>(), -log_s[m][b][c].item<double>(), 1e-12);
    }
  }
}

TEST(SampledTeacherTest, IsTheSoftCrossEntropyInExpectation) {
  constexpr std::int64_t kDraws = 40'000;
  const Tensor source = kSource.slice(1, 0, 1).expand({kMembers, kDraws, kClasses});
  const Tensor student = kStudent.slice(1, 0, 1).expand({kMembers, kDraws, kClasses});
  const RuleConfig config = {.kind = RuleKind::kSampledTeacher, .temperature = 2.0};
  const Tensor sampled = LossOf(config, ClassifierAnswer(student), ClassifierAnswer(source), {},
                                {.member_seeds = {1, 2}});
  const RuleConfig soft = {
      .kind = RuleKind::kSoftCrossEntropy, .temperature = 2.0, .soften_student = false};
  const Tensor expected = Loss(soft, kStudent, kSource).slice(1, 0, 1).squeeze(1);
  EXPECT_LT(MaxDifference(sampled.mean(1), expected), 0.03);
  EXPECT_GT(sampled.std(1).min().item<double>(), 0.1);
}

TEST(SampledTeacherTest, NeedsSeeds) {
  EXPECT_EQ(support::MessageOf<ConfigError>([] { MakeRule({.kind = RuleKind::kSampledTeacher}); }),
            "rule = \"sampled_teacher\" draws labels and is given no members' seeds");
}

TEST(AnnealedTest, GoesFromHardToSoftLabelsInAStraightLine) {
  const RuleConfig config = {
      .kind = RuleKind::kAnnealed, .temperature = 4.0, .hard_share = 0.8, .anneal_until = 0.5};
  const Tensor hard = Loss({.kind = RuleKind::kHardTeacher}, kStudent, kSource);
  const Tensor soft =
      Loss({.kind = RuleKind::kSoftCrossEntropy, .temperature = 4.0}, kStudent, kSource);
  const auto expect = [&](double progress, double share) {
    const Tensor loss = Loss(config, kStudent, kSource, {.progress = progress});
    EXPECT_LT(MaxDifference(loss, share * hard + (1.0 - share) * soft), 1e-12) << progress;
  };
  expect(0.0, 0.8);
  expect(0.25, 0.4);
  expect(0.5, 0.0);
  expect(1.0, 0.0);
}

RuleConfig Dkd(double target_weight, double non_target_weight) {
  return {.kind = RuleKind::kDkd,
          .temperature = 4.0,
          .target_weight = target_weight,
          .non_target_weight = non_target_weight};
}

// The identity that gives the rule its name, arXiv:2203.08679.
TEST(DkdTest, KdIsItsTargetPartAndTheOtherPartTimesTheOthersProbability) {
  const Tensor target = Loss(Dkd(1.0, 0.0), kStudent, kSource, Labelled());
  const Tensor others = Loss(Dkd(0.0, 1.0), kStudent, kSource, Labelled());
  const Tensor p = (kSource / 4.0).softmax(2).gather(2, WaveLabels().unsqueeze(2)).squeeze(2);
  const Tensor kd = Loss({.kind = RuleKind::kKd, .temperature = 4.0}, kStudent, kSource);
  EXPECT_LT(MaxDifference(target + (1.0 - p) * others, kd), 1e-12);
}

TEST(DkdTest, TheOtherClassesPartDoesNotSeeTheTarget) {
  const Tensor shift = at::zeros_like(kStudent).scatter(2, WaveLabels().unsqueeze(2), 3.0);
  EXPECT_LT(MaxDifference(Loss(Dkd(0.0, 1.0), kStudent + shift, kSource, Labelled()),
                          Loss(Dkd(0.0, 1.0), kStudent, kSource, Labelled())),
            1e-12);
}

TEST(DkdTest, TheSourcesLikeliestClassStandsForAMissingLabel) {
  const Context none = {.labels = at::full({kMembers, kBatch}, -1, at::kLong)};
  EXPECT_TRUE(at::equal(Loss(Dkd(1.0, 8.0), kStudent, kSource, none),
                        Loss(Dkd(1.0, 8.0), kStudent, kSource, {.labels = kSource.argmax(2)})));
  EXPECT_EQ(support::MessageOf<ConfigError>([] { Loss(Dkd(1.0, 8.0), kStudent, kSource); }),
            "rule = \"dkd\" tells the labelled class from the others; there are no labels");
}

// Pearson's correlation over an axis, [M, ...] without it.
Tensor Correlation(const Tensor& a, const Tensor& b, std::int64_t axis) {
  const Tensor x = a - a.mean(axis, true), y = b - b.mean(axis, true);
  return (x * y).sum(axis) / (x.square().sum(axis) * y.square().sum(axis)).sqrt();
}

RuleConfig Dist(double row_weight, double column_weight, double temperature = 1.0) {
  return {.kind = RuleKind::kDist,
          .temperature = temperature,
          .row_weight = row_weight,
          .column_weight = column_weight};
}

TEST(DistTest, IsOneLessTheCorrelationsOverClassesAndOverSamples) {
  for (const double t : {1.0, 4.0}) {
    const Tensor s = (kStudent / t).softmax(2), p = (kSource / t).softmax(2);
    const Tensor rows = t * t * (1.0 - Correlation(s, p, 2));
    EXPECT_LT(MaxDifference(Loss(Dist(1.0, 0.0, t), kStudent, kSource), rows), 1e-12);
    const Tensor columns = t * t * (1.0 - Correlation(s, p, 1).mean(1));
    EXPECT_LT(MaxDifference(Loss(Dist(0.0, 1.0, t), kStudent, kSource).mean(1), columns), 1e-12);
  }
}

TEST(DistTest, TheRowTermSeesNoAffineChangeOfProbabilities) {
  const Tensor p = kSource.softmax(2);
  // Still probabilities: 0.6 + 4 * 0.1 = 1.
  const Tensor flatter = (0.6 * p + 0.4 / kClasses).log();
  EXPECT_LT(Loss(Dist(1.0, 0.0), flatter, kSource).abs().max().item<double>(), 1e-12);
  EXPECT_LT(MaxDifference(Loss(Dist(1.0, 0.0), kStudent, flatter),
                          Loss(Dist(1.0, 0.0), kStudent, kSource)),
            1e-12);
}

TEST(DistTest, EachTermIsWithinZeroAndTwo) {
  const Tensor p = kSource.softmax(2);
  const Tensor opposite = (2.0 / kClasses - p).clamp_min(1e-3).log();
  for (const RuleConfig& config : {Dist(1.0, 0.0), Dist(0.0, 1.0)}) {
    const Tensor loss = Loss(config, opposite, kSource).mean(1);
    EXPECT_GT(loss.min().item<double>(), 1.5);
    EXPECT_LE(loss.max().item<double>(), 2.0);
  }
}

TEST(DistTest, ASampleAloneHasNoCorrelationOverSamples) {
  const Tensor one = kStudent.slice(1, 0, 1).clone().requires_grad_(true);
  const Tensor loss = Loss(Dist(0.0, 1.0), one, kSource.slice(1, 0, 1));
  EXPECT_EQ(loss.abs().max().item<double>(), 0.0);
  loss.sum().backward();
  EXPECT_TRUE(at::isfinite(one.grad()).all().item<bool>());
}

TEST(LskdTest, SeesNoScaleAndShiftOfLogits) {
  const RuleConfig config = RuleDefaults(RuleKind::kLskd);
  const Tensor loss = Loss(config, kStudent, kSource);
  EXPECT_LT(MaxDifference(Loss(config, 3.0 * kStudent - 2.0, kSource), loss), 1e-6);
  EXPECT_LT(MaxDifference(Loss(config, kStudent, 0.5 * kSource + 1.0), loss), 1e-6);
  EXPECT_LT(Loss(config, 3.0 * kSource + 1.0, kSource).abs().max().item<double>(), 1e-12);
}

// A standardised logit is at most (C - 1) / sqrt(C), so that a softened source is never sure.
TEST(LskdTest, TheSourceIsSureOnlyWithinALimit) {
  const Tensor sure = at::zeros({1, 1, kClasses}, at::kDouble);
  sure[0][0][0] = 100.0;
  const double c = kClasses, top = (c - 1.0) / std::sqrt(c), rest = -1.0 / std::sqrt(c);
  const double p = std::exp(top / 2.0) / (std::exp(top / 2.0) + (c - 1.0) * std::exp(rest / 2.0));
  // With a student that knows nothing the loss is T^2 (log C - entropy).
  const double q = (1.0 - p) / (c - 1.0);
  const double entropy = -p * std::log(p) - (c - 1.0) * q * std::log(q);
  const Tensor loss =
      Loss(RuleDefaults(RuleKind::kLskd), at::zeros({1, 1, kClasses}, at::kDouble), sure);
  EXPECT_NEAR(loss.item<double>(), 4.0 * (std::log(c) - entropy), 1e-6);
}

TEST(LskdTest, IsKdAndStandardisesDkdToo) {
  const RuleConfig lskd = {.kind = RuleKind::kLskd, .temperature = 3.0};
  const RuleConfig kd = {.kind = RuleKind::kKd, .temperature = 3.0, .standardize = true};
  EXPECT_TRUE(at::equal(Loss(lskd, kStudent, kSource), Loss(kd, kStudent, kSource)));
  for (const RuleKind kind : {RuleKind::kDkd, RuleKind::kSoftCrossEntropy}) {
    RuleConfig config = {.kind = kind, .temperature = 3.0, .standardize = true};
    const Tensor loss = Loss(config, kStudent, kSource, Labelled());
    const Tensor scaled = Loss(config, 3.0 * kStudent - 2.0, kSource, Labelled());
    EXPECT_LT(MaxDifference(scaled, loss), 1e-6);
    config.standardize = false;
    EXPECT_GT(MaxDifference(Loss(config, kStudent, kSource, Labelled()), loss), 1e-3);
  }
}

// No probability changes where a number is added to all logits of a sample.
TEST(LogitRulesTest, SeeNoCommonShiftOfLogits) {
  const Tensor shift = Wave({kMembers, kBatch, 1}, 0.3) * 5.0;
  for (const auto& [name, kind] : kRules) {
    if (kind == RuleKind::kActionMse) continue;
    if (kind > RuleKind::kLskd) break;  // features follow
    const RuleConfig config = RuleDefaults(kind);
    const RuleInputs inputs = {.member_seeds = {1, 2}};
    const auto loss = [&](const Tensor& student, const Tensor& source) {
      return LossOf(config, ClassifierAnswer(student), ClassifierAnswer(source), Labelled(),
                    inputs);
    };
    EXPECT_LT(MaxDifference(loss(kStudent + shift, kSource - shift), loss(kStudent, kSource)),
              1e-11)
        << name;
  }
}

}  // namespace
}  // namespace duet::distill
