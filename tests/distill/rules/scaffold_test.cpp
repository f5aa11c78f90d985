// Closed forms of the scaffolded loss, in float64.
#include "distill/rules/scaffold.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/config_reader.h"
#include "tests/distill/rules/answers.h"

namespace duet::distill {
namespace {

const Tensor kStudent = WaveLogits(1.3), kTeacher = WaveLogits(0.7);

Tensor Help(double value) { return at::full({kMembers, kBatch}, value, at::kDouble); }

ScaffoldConfig SmallConfig() {
  ScaffoldConfig config;
  config.top_classes = 2;
  return config;
}

// Temperatures of 1 and a teacher that is sure of the label, so that t' is one-hot.
ScaffoldConfig PlainConfig(std::int64_t top_classes) {
  ScaffoldConfig config;
  config.teacher_temperature = 1.0;
  config.student_temperature = 1.0;
  config.top_classes = top_classes;
  return config;
}
Tensor SureTeacher() {
  return at::zeros({kMembers, kBatch, kClasses}, at::kDouble)
      .scatter(2, WaveLabels().unsqueeze(2), 200.0);
}

TEST(ScaffoldTargetTest, CountsTheLikeliestClassesAndTheLabel) {
  const Tensor logits = at::tensor({4.0, 3.0, 2.0, 1.0}, at::kDouble).view({1, 1, 4});
  const auto target = MakeScaffoldTarget(SmallConfig(), logits, at::full({1, 1}, 3, at::kLong));
  EXPECT_TRUE(at::equal(target.mask.view(-1), at::tensor({1.0, 1.0, 0.0, 1.0}, at::kDouble)));
  // softmax(4/4, 3/4, min = 1, 1/4) without the third.
  const double e[] = {std::exp(1.0), std::exp(0.75), std::exp(1.0), std::exp(0.25)};
  const double sum = e[0] + e[1] + e[2] + e[3];
  EXPECT_NEAR(target.teacher[0][0][0].item<double>(), e[0] / sum, 1e-12);
  EXPECT_NEAR(target.teacher[0][0][3].item<double>(), e[3] / sum, 1e-12);
  EXPECT_EQ(target.teacher[0][0][2].item<double>(), 0.0);
}

TEST(ScaffoldTargetTest, CountsTheLikeliestClassesAloneWithoutALabel) {
  const auto target =
      MakeScaffoldTarget(SmallConfig(), kTeacher, at::full({2, kBatch}, -1, at::kLong));
  EXPECT_EQ(target.mask.sum().item<double>(), 2.0 * kMembers * kBatch);
}

TEST(ScaffoldTest, WithoutHelpItIsDistillationOnTheMaskedTarget) {
  const ScaffoldConfig config = SmallConfig();
  const auto target = MakeScaffoldTarget(config, kTeacher, WaveLabels());
  const Tensor log_s = (kStudent / 3.5).log_softmax(2);
  EXPECT_LT(MaxDifference(ScaffoldedCrossEntropy(config, kStudent, Help(0.0), target),
                          -3.5 * 4.0 * (target.teacher * log_s).sum(2)),
            1e-12);
}

// d/dz of -log(s_y + g) is s_y / (s_y + g) times that of -log s_y.
TEST(ScaffoldTest, HelpTakesItsShareOffTheGradient) {
  const ScaffoldConfig config = PlainConfig(1);
  const auto target = MakeScaffoldTarget(config, SureTeacher(), WaveLabels());
  const auto gradient = [&](double help) {
    const Tensor leaf = kStudent.clone().requires_grad_(true);
    ScaffoldedCrossEntropy(config, leaf, Help(help), target).sum().backward();
    return leaf.grad();
  };
  const Tensor s = kStudent.softmax(2).gather(2, WaveLabels().unsqueeze(2));
  for (const double help : {0.0, 0.1, 0.7, 1.0}) {
    EXPECT_LT(MaxDifference(gradient(help), gradient(0.0) * s / (s + help)), 1e-12) << help;
  }
}

// -log(s + g) + log(1 + K g) falls with g where s < 1 / K and rises where s > 1 / K.
TEST(GuideLossTest, HelpsExactlyWhereTheStudentIsBelowOneOfK) {
  constexpr std::int64_t kTop = 2;
  const Tensor s = kStudent.softmax(2).gather(2, WaveLabels().unsqueeze(2)).squeeze(2);
  const Tensor sure = s >= 1.0 / kTop;
  ASSERT_GT(sure.sum().item<std::int64_t>(), 0);
  ASSERT_LT(sure.sum().item<std::int64_t>(), kMembers * kBatch);
  for (const double value : {0.0, 0.5, 1.0}) {
    const Tensor help = Help(value).requires_grad_(true);
    GuideLoss(PlainConfig(kTop), kStudent, SureTeacher(), help, WaveLabels(), {0.0, 0.0})
        .sum()
        .backward();
    EXPECT_TRUE(at::equal(help.grad() > 0.0, sure)) << value;
  }
}

TEST(GuideLossTest, OnlyTheHelpGetsAGradientAndTheStudentsLossGivesItNone) {
  const Tensor student = kStudent.clone().requires_grad_(true);
  const Tensor teacher = kTeacher.clone().requires_grad_(true);
  const Tensor help = Help(0.5).requires_grad_(true);
  const ScaffoldConfig config = SmallConfig();
  GuideLoss(config, student, teacher, help, WaveLabels(), {5.0, 0.0}).sum().backward();
  EXPECT_FALSE(student.grad().defined());
  EXPECT_FALSE(teacher.grad().defined());
  EXPECT_GT(help.grad().abs().min().item<double>(), 0.0);
  help.mutable_grad().reset();
  const auto target = MakeScaffoldTarget(config, teacher, WaveLabels());
  ScaffoldStudentLoss(config, student, help, target, WaveLabels()).sum().backward();
  EXPECT_GT(student.grad().abs().max().item<double>(), 0.0);
  EXPECT_FALSE(teacher.grad().defined());
  EXPECT_FALSE(help.grad().defined());
}

TEST(BudgetUseTest, CountsHelpByHardnessOverMistakes) {
  ScaffoldConfig config = SmallConfig();
  config.most_cross_entropy = 0.5;
  const Tensor log_s = kStudent.log_softmax(2);
  const Tensor likeliest = kTeacher.argmax(2, true);
  const Tensor hardness = (-log_s.gather(2, likeliest)).squeeze(2).clamp_max(0.5);
  const Tensor mistakes = (kStudent.argmax(2) != WaveLabels()).sum(1);
  EXPECT_LT(MaxDifference(BudgetUse(config, kStudent, kTeacher, Help(0.3), WaveLabels()),
                          0.3 * hardness.sum(1) / mistakes),
            1e-12);
  // Without a mistake the number is not divided by 0.
  const Tensor none = BudgetUse(config, kStudent, kTeacher, Help(0.3), kStudent.argmax(2));
  EXPECT_LT(MaxDifference(none, 0.3 * hardness.sum(1)), 1e-12);
}

// Where everything would be helped, the penalty keeps the help within the budget.
TEST(GuideLossTest, KeepsTheHelpWithinItsBudget) {
  const Tensor hopeless = -kTeacher;
  const ScaffoldConfig config = SmallConfig();
  const ScaffoldLimits limits = {.penalty = 200.0, .budget = 0.4};
  const Tensor raw = at::zeros({kMembers, kBatch}, at::kDouble).requires_grad_(true);
  for (int step = 0; step < 4000; ++step) {
    GuideLoss(config, hopeless, kTeacher, raw.sigmoid(), WaveLabels(), limits).sum().backward();
    raw.detach().sub_(raw.grad(), 5e-4);
    raw.mutable_grad().reset();
  }
  const Tensor use = BudgetUse(config, hopeless, kTeacher, raw.sigmoid(), WaveLabels());
  EXPECT_LE(use.max().item<double>(), 0.4 + 0.02);
  EXPECT_GT(use.min().item<double>(), 0.0);
}

TEST(ScaffoldTest, ProbabilitiesOfZeroGiveAFiniteLossAndGradient) {
  const ScaffoldConfig config = SmallConfig();
  const Tensor student = (1e6 * kStudent).to(at::kFloat).requires_grad_(true);
  const auto target = MakeScaffoldTarget(config, kTeacher.to(at::kFloat), WaveLabels());
  const Tensor loss = ScaffoldedCrossEntropy(config, student, Help(0.0).to(at::kFloat), target);
  EXPECT_TRUE(at::isfinite(loss).all().item<bool>());
  loss.sum().backward();
  EXPECT_TRUE(at::isfinite(student.grad()).all().item<bool>());
}

TEST(ScaffoldLimitsTest, FollowTheirCosines) {
  const ScaffoldConfig config;
  EXPECT_NEAR(LimitsAt(config, 0).penalty, 1.0, 1e-12);
  EXPECT_NEAR(LimitsAt(config, 25).penalty, 3.0, 1e-12);
  EXPECT_NEAR(LimitsAt(config, 50).penalty, 1.0, 1e-12);
  EXPECT_NEAR(LimitsAt(config, 0).budget, 0.6, 1e-12);
  EXPECT_NEAR(LimitsAt(config, 10).budget, 0.5, 1e-12);
  EXPECT_NEAR(LimitsAt(config, 20).budget, 0.54, 1e-12);
}

TEST(ScaffoldConfigTest, IsReadFromASection) {
  ScaffoldConfig config;
  core::ConfigFile("top_classes = 3\nbudget_decay = 0.5", "scaffold.toml", {}).Read(config);
  EXPECT_EQ(config.top_classes, 3);
  EXPECT_EQ(config.budget_decay, 0.5);
}

}  // namespace
}  // namespace duet::distill
