#include "distill/rule.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

using agents::Distribution;

constexpr std::int64_t kMembers = 2, kBatch = 5, kActions = 3;

Tensor Wave(double frequency) {
  return at::sin(at::arange(kMembers * kBatch * kActions, at::kDouble) * frequency + frequency)
      .view({kMembers, kBatch, kActions});
}

PolicyOutput Answer(Distribution distribution, double frequency) {
  const Tensor wave = Wave(frequency), log_std = 0.4 * Wave(frequency + 0.8);
  switch (distribution) {
    case Distribution::kNone:
      return {wave, {}};
    case Distribution::kGaussian:
      return {wave, log_std};
    case Distribution::kTanhGaussian:
      return {wave.tanh(), log_std, wave};
    case Distribution::kCategorical:
      return {wave.argmax(2, true).to(at::kDouble), {}, {}, wave};
  }
  return {};
}

// A rule on answers that it can compare.
struct Case {
  RuleKind rule;
  Distribution distribution;

  std::string name() const {
    static const std::string kNames[] = {"none", "gaussian", "tanh_gaussian", "categorical"};
    return std::string(kRules[static_cast<std::size_t>(rule)].name) + "_of_" +
           kNames[static_cast<std::size_t>(distribution)];
  }

  // The parts of the student's answer that the loss depends on.
  std::vector<Tensor PolicyOutput::*> parts() const {
    if (rule == RuleKind::kActionMse) return {&PolicyOutput::mean};
    switch (distribution) {
      case Distribution::kNone:
        return {};
      case Distribution::kGaussian:
        return {&PolicyOutput::mean, &PolicyOutput::log_std};
      case Distribution::kTanhGaussian:
        return {&PolicyOutput::location, &PolicyOutput::log_std};
      case Distribution::kCategorical:
        return {&PolicyOutput::logits};
    }
    return {};
  }
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name(); }

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Distribution distribution :
       {Distribution::kGaussian, Distribution::kTanhGaussian, Distribution::kCategorical}) {
    cases.push_back({RuleKind::kForwardKl, distribution});
    cases.push_back({RuleKind::kReverseKl, distribution});
  }
  for (const Distribution distribution :
       {Distribution::kNone, Distribution::kGaussian, Distribution::kTanhGaussian}) {
    cases.push_back({RuleKind::kActionMse, distribution});
  }
  return cases;
}

// Every rule of the table keeps the contract of Rule::Loss.
class RuleConformanceTest : public ::testing::TestWithParam<Case> {
 protected:
  static PolicyOutput StudentAnswer() { return Answer(GetParam().distribution, 1.3); }
  static PolicyOutput SourceAnswer() { return Answer(GetParam().distribution, 0.7); }

  std::unique_ptr<Rule> rule_ = MakeRule(GetParam().rule, 1.5);
};

INSTANTIATE_TEST_SUITE_P(AllRules, RuleConformanceTest, ::testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.name(); });

TEST_P(RuleConformanceTest, GivesOneLossPerMemberAndSample) {
  const Tensor loss = rule_->Loss(StudentAnswer(), SourceAnswer());
  EXPECT_EQ(loss.sizes(), (at::IntArrayRef{kMembers, kBatch}));
  EXPECT_TRUE(at::isfinite(loss).all().item<bool>());
}

TEST_P(RuleConformanceTest, IsPositiveAndZeroWhereAnswersAgree) {
  EXPECT_GT(rule_->Loss(StudentAnswer(), SourceAnswer()).min().item<double>(), 0.0);
  EXPECT_LT(rule_->Loss(SourceAnswer(), SourceAnswer()).abs().max().item<double>(), 1e-12);
}

TEST_P(RuleConformanceTest, ASampleCountsForItselfAlone) {
  const Tensor all = rule_->Loss(StudentAnswer(), SourceAnswer());
  PolicyOutput changed = StudentAnswer();
  (changed.*GetParam().parts()[0])[0][1][2] += 0.1;
  const Tensor differs = rule_->Loss(changed, SourceAnswer()) != all;
  EXPECT_TRUE(differs[0][1].item<bool>());
  EXPECT_EQ(differs.sum().item<std::int64_t>(), 1);
}

TEST_P(RuleConformanceTest, TheGradientReachesTheStudentAlone) {
  PolicyOutput student = StudentAnswer(), source = SourceAnswer();
  for (const auto part : GetParam().parts()) {
    (student.*part).requires_grad_(true);
    (source.*part).requires_grad_(true);
  }
  rule_->Loss(student, source).sum().backward();
  for (const auto part : GetParam().parts()) {
    ASSERT_TRUE((student.*part).grad().defined());
    EXPECT_GT((student.*part).grad().abs().min().item<double>(), 0.0);
    EXPECT_FALSE((source.*part).grad().defined());
  }
}

TEST_P(RuleConformanceTest, TheGradientIsThatOfFiniteDifferences) {
  constexpr double kStep = 1e-6;
  PolicyOutput student = StudentAnswer();
  for (const auto part : GetParam().parts()) (student.*part).requires_grad_(true);
  rule_->Loss(student, SourceAnswer()).sum().backward();
  for (const auto part : GetParam().parts()) {
    const Tensor gradient = (student.*part).grad();
    for (std::int64_t i = 0; i < gradient.numel(); i += 4) {
      const auto at_distance = [&](double distance) {
        PolicyOutput moved = StudentAnswer();
        (moved.*part).view({-1})[i] += distance;
        return rule_->Loss(moved, SourceAnswer()).sum().item<double>();
      };
      const double slope = (at_distance(kStep) - at_distance(-kStep)) / (2.0 * kStep);
      EXPECT_NEAR(gradient.reshape({-1})[i].item<double>(), slope, 1e-6 * (1.0 + std::abs(slope)));
    }
  }
}

TEST_P(RuleConformanceTest, ADeviationPerPolicyOrPerStateIsTheSame) {
  PolicyOutput student = StudentAnswer(), source = SourceAnswer();
  if (!student.log_std.defined()) GTEST_SKIP() << "there is no deviation";
  student.log_std = at::full({1, 1, 1}, -1.0, at::kDouble);
  source.log_std = at::full({1, 1, 1}, -0.5, at::kDouble);
  const Tensor shared = rule_->Loss(student, source);
  student.log_std = student.log_std.expand_as(student.mean).contiguous();
  source.log_std = source.log_std.expand_as(source.mean).contiguous();
  EXPECT_TRUE(at::allclose(shared, rule_->Loss(student, source), 1e-12, 1e-12));
}

PolicyOutput Gaussian(double mean, double std) {
  return {at::full({1, 1, 1}, mean), at::full({1, 1, 1}, std::log(std))};
}

double LossOf(RuleKind kind, const PolicyOutput& student, const PolicyOutput& source) {
  return MakeRule(kind)->Loss(student, source).item<double>();
}

// KL(N(0, 1) || N(1, 4)) = ln 2 + (1 + 1) / 8 - 1/2.
TEST(ForwardKlTest, IsThatOfTheSourceFromTheStudent) {
  EXPECT_NEAR(LossOf(RuleKind::kForwardKl, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)),
              std::log(2.0) + 0.25 - 0.5, 1e-6);
}

// KL(N(1, 4) || N(0, 1)) = -ln 2 + (4 + 1) / 2 - 1/2.
TEST(ReverseKlTest, IsThatOfTheStudentFromTheSource) {
  EXPECT_NEAR(LossOf(RuleKind::kReverseKl, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)),
              -std::log(2.0) + 2.5 - 0.5, 1e-6);
}

TEST(ActionMseTest, IsTheMeanOverTheActionsEntries) {
  const PolicyOutput student{at::tensor({1.0, 0.5, -0.5}).view({1, 1, 3}), {}};
  const PolicyOutput source{at::tensor({1.0, 0.0, 0.5}).view({1, 1, 3}), {}};
  EXPECT_NEAR(LossOf(RuleKind::kActionMse, student, source), (0.25 + 1.0) / 3.0, 1e-6);
}

// Means of Gaussians may lie beyond the range to which acting clips.
TEST(ActionMseTest, ActionsBeyondABoundAreTheSameAction) {
  const auto loss = [](double student, double source) {
    return LossOf(RuleKind::kActionMse, Gaussian(student, 1.0), Gaussian(source, 1.0));
  };
  for (const double sign : {1.0, -1.0}) {
    EXPECT_EQ(loss(sign * 3.0, sign * 1.5), 0.0);
    EXPECT_EQ(loss(sign * 1.2, sign * 1.5), 0.0);
    EXPECT_NEAR(loss(sign * 0.5, sign * 1.5), 0.25, 1e-6);
    EXPECT_NEAR(loss(sign * -2.0, sign * 1.5), 9.0, 1e-6);
    EXPECT_NEAR(loss(sign * 3.0, sign * 0.5), 6.25, 1e-6);  // so that it finds its way back
  }
}

PolicyOutput Squashed(double location, double std) {
  const PolicyOutput plain = Gaussian(location, std);
  return {plain.mean.tanh(), plain.log_std, plain.mean};
}

// Both Gaussians go through the same tanh, which changes no divergence.
TEST(DivergenceTest, OfTanhGaussiansIsThatBeforeTheTanh) {
  for (const RuleKind kind : {RuleKind::kForwardKl, RuleKind::kReverseKl}) {
    EXPECT_EQ(LossOf(kind, Squashed(1.0, 2.0), Squashed(0.0, 1.0)),
              LossOf(kind, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)));
  }
}

PolicyOutput Categorical(std::vector<double> probabilities) {
  const auto size = static_cast<std::int64_t>(probabilities.size());
  // Logits are no log-probabilities: any number may be added.
  const Tensor logits = at::tensor(probabilities).log().add(3.0).view({1, 1, size});
  return {logits.argmax(2, true).to(at::kFloat), {}, {}, logits};
}

// KL((1/2, 1/2) || (1/4, 3/4)) = ln(2) / 2 + ln(2/3) / 2.
TEST(DivergenceTest, OfCategoricalAnswersIsThatOfTheirProbabilities) {
  const PolicyOutput fair = Categorical({0.5, 0.5}), skewed = Categorical({0.25, 0.75});
  const double from_fair = 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3.0);
  const double from_skewed = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  EXPECT_NEAR(LossOf(RuleKind::kForwardKl, skewed, fair), from_fair, 1e-6);
  EXPECT_NEAR(LossOf(RuleKind::kReverseKl, skewed, fair), from_skewed, 1e-6);
}

TEST(DivergenceTest, TheTemperatureDividesLogitsAndMultipliesTheLossByItsSquare) {
  const PolicyOutput student = Categorical({0.04, 0.96}), source = Categorical({0.5, 0.5});
  // Square roots of the odds 1 : 24 are 1 : 4.9.
  const double root = std::sqrt(24.0);
  const PolicyOutput softened = Categorical({1.0 / (1.0 + root), root / (1.0 + root)});
  const double loss = MakeRule(RuleKind::kForwardKl, 2.0)->Loss(student, source).item<double>();
  EXPECT_NEAR(loss, 4.0 * LossOf(RuleKind::kForwardKl, softened, source), 1e-6);
}

TEST(RuleTest, AnswersThatCannotBeComparedAreNamed) {
  const PolicyOutput alone{at::zeros({1, 1, 1}), {}};
  const auto refused = [](RuleKind kind, const PolicyOutput& student, const PolicyOutput& source) {
    return support::MessageOf<ConfigError>([&] { LossOf(kind, student, source); });
  };
  EXPECT_EQ(refused(RuleKind::kForwardKl, alone, Gaussian(0, 1)),
            "rule = \"forward_kl\" compares action distributions of one kind; the source's is a "
            "Gaussian, the student's is an action alone; allowed is \"action_mse\"");
  EXPECT_EQ(refused(RuleKind::kReverseKl, alone, alone),
            "rule = \"reverse_kl\" compares action distributions of one kind; the source's is an "
            "action alone, the student's is an action alone; allowed is \"action_mse\"");
  EXPECT_EQ(refused(RuleKind::kReverseKl, Squashed(0, 1), Gaussian(0, 1)),
            "rule = \"reverse_kl\" compares action distributions of one kind; the source's is a "
            "Gaussian, the student's is the tanh of a Gaussian; allowed is \"action_mse\"");
  EXPECT_EQ(refused(RuleKind::kActionMse, Categorical({0.5, 0.5}), Categorical({0.5, 0.5})),
            "rule = \"action_mse\" compares actions that are numbers, and these are discrete; "
            "allowed is \"forward_kl\" or \"reverse_kl\"");
}

}  // namespace
}  // namespace duet::distill
