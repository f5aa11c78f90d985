#include "distill/rule.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

constexpr std::int64_t kMembers = 2, kBatch = 5, kActions = 3;

Tensor Wave(double frequency) {
  return at::sin(at::arange(kMembers * kBatch * kActions, at::kDouble) * frequency + frequency)
      .view({kMembers, kBatch, kActions});
}

PolicyOutput StudentAnswer() { return {Wave(1.3), 0.4 * Wave(2.1)}; }
PolicyOutput SourceAnswer() { return {Wave(0.7), 0.4 * Wave(3.3)}; }

// Every rule of the table keeps the contract of Rule::Loss.
class RuleConformanceTest : public ::testing::TestWithParam<core::Option<RuleKind>> {
 protected:
  std::unique_ptr<Rule> rule_ = MakeRule(GetParam().value);
};

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
  changed.mean[0][1] += 1.0;
  const Tensor differs = rule_->Loss(changed, SourceAnswer()) != all;
  EXPECT_TRUE(differs[0][1].item<bool>());
  EXPECT_EQ(differs.sum().item<std::int64_t>(), 1);
}

TEST_P(RuleConformanceTest, TheGradientReachesTheStudentAlone) {
  const PolicyOutput student{StudentAnswer().mean.requires_grad_(true),
                             StudentAnswer().log_std.requires_grad_(true)};
  const PolicyOutput source{SourceAnswer().mean.requires_grad_(true),
                            SourceAnswer().log_std.requires_grad_(true)};
  rule_->Loss(student, source).sum().backward();
  ASSERT_TRUE(student.mean.grad().defined());
  EXPECT_GT(student.mean.grad().abs().min().item<double>(), 0.0);
  EXPECT_FALSE(source.mean.grad().defined());
  EXPECT_FALSE(source.log_std.grad().defined());
}

TEST_P(RuleConformanceTest, TheGradientIsThatOfFiniteDifferences) {
  constexpr double kStep = 1e-6;
  PolicyOutput student{StudentAnswer().mean.requires_grad_(true),
                       StudentAnswer().log_std.requires_grad_(true)};
  rule_->Loss(student, SourceAnswer()).sum().backward();
  for (Tensor PolicyOutput::*part : {&PolicyOutput::mean, &PolicyOutput::log_std}) {
    const Tensor gradient = (student.*part).grad();
    if (!gradient.defined()) continue;  // the rule does not look at it
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
  student.log_std = at::full({1, 1, 1}, -1.0, at::kDouble);
  source.log_std = at::full({1, 1, 1}, -0.5, at::kDouble);
  const Tensor shared = rule_->Loss(student, source);
  student.log_std = student.log_std.expand_as(student.mean).contiguous();
  source.log_std = source.log_std.expand_as(source.mean).contiguous();
  EXPECT_TRUE(at::allclose(shared, rule_->Loss(student, source), 1e-12, 1e-12));
}

INSTANTIATE_TEST_SUITE_P(AllRules, RuleConformanceTest, ::testing::ValuesIn(kRules),
                         [](const auto& test) { return std::string(test.param.name); });

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
  const PolicyOutput student{at::tensor({1.0, 2.0, 3.0}).view({1, 1, 3}), {}};
  const PolicyOutput source{at::tensor({1.0, 0.0, -2.0}).view({1, 1, 3}), {}};
  EXPECT_NEAR(LossOf(RuleKind::kActionMse, student, source), (4.0 + 25.0) / 3.0, 1e-6);
}

// Both Gaussians go through the same tanh, which changes no divergence.
TEST(DivergenceTest, OfTanhGaussiansIsThatBeforeTheTanh) {
  const auto squashed = [](double location, double std) {
    const PolicyOutput plain = Gaussian(location, std);
    return PolicyOutput{plain.mean.tanh(), plain.log_std, plain.mean};
  };
  for (const RuleKind kind : {RuleKind::kForwardKl, RuleKind::kReverseKl}) {
    EXPECT_EQ(LossOf(kind, squashed(1.0, 2.0), squashed(0.0, 1.0)),
              LossOf(kind, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)));
    EXPECT_EQ(support::MessageOf<ConfigError>(
                  [&] { LossOf(kind, squashed(1.0, 2.0), Gaussian(0.0, 1.0)); }),
              "a divergence needs distributions of one kind; here one policy is the tanh of a "
              "Gaussian and the other a Gaussian: use rule = \"action_mse\"");
  }
}

TEST(DivergenceTest, SaysWhoHasNoDistribution) {
  const PolicyOutput without{at::zeros({1, 1, 1}), {}};
  for (const RuleKind kind : {RuleKind::kForwardKl, RuleKind::kReverseKl}) {
    EXPECT_EQ(support::MessageOf<ConfigError>([&] { LossOf(kind, without, Gaussian(0, 1)); }),
              "a divergence needs action distributions; the student's policy has none (no Gaussian "
              "exploration): use rule = \"action_mse\"");
    EXPECT_EQ(support::MessageOf<ConfigError>([&] { LossOf(kind, Gaussian(0, 1), without); }),
              "a divergence needs action distributions; the source's policy has none (no Gaussian "
              "exploration): use rule = \"action_mse\"");
  }
}

}  // namespace
}  // namespace duet::distill
