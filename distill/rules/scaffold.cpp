#include "distill/rules/scaffold.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "distill/rules/classes.h"

namespace duet::distill {
namespace {

// From 0 to 1 on a cosine within each period.
double CosineShare(std::int64_t epoch, std::int64_t period) {
  const double phase = static_cast<double>(epoch % period) / static_cast<double>(period);
  return 0.5 * (1.0 - std::cos(std::acos(-1.0) * phase));
}

}  // namespace

void VisitFields(core::FieldVisitor& v, ScaffoldConfig& c) {
  constexpr core::Range<double> kWeight = {0.0, 1e6}, kTemperature = {0.0, 1e9, true};
  constexpr core::Range<std::int64_t> kCount = {1, 1'000'000};
  v.Field("teacher_temperature", c.teacher_temperature, kTemperature, "softens the teacher");
  v.Field("student_temperature", c.student_temperature, kTemperature, "softens the student");
  v.Field("top_classes", c.top_classes, kCount, "classes that count besides the label");
  v.Field("label_weight", c.label_weight, kWeight, "of the labels' cross-entropy");
  v.Field("scaffold_weight", c.scaffold_weight, kWeight, "of the scaffolded loss");
  v.Field("most_cross_entropy", c.most_cross_entropy, kWeight,
          "where a sample's share of the budget is cut off");
  v.Field("penalty_period", c.penalty_period, kCount, "epochs in which the penalty rises");
  v.Field("lowest_penalty", c.lowest_penalty, kWeight, "on exceeding the budget, at first");
  v.Field("highest_penalty", c.highest_penalty, kWeight, "the same at the end of a period");
  v.Field("budget_period", c.budget_period, kCount, "epochs in which the budget falls");
  v.Field("highest_budget", c.highest_budget, kWeight, "of help, at first");
  v.Field("lowest_budget", c.lowest_budget, kWeight, "the same at the end of a period");
  v.Field("budget_decay", c.budget_decay, {0.0, 1.0}, "factor on highest_budget per period");
}

ScaffoldTarget MakeScaffoldTarget(const ScaffoldConfig& config, const Tensor& teacher_logits,
                                  const Tensor& labels) {
  const Tensor logits = teacher_logits.detach();
  const std::int64_t count = std::min(config.top_classes, logits.size(2));
  const Tensor top = std::get<1>(logits.topk(count, 2));
  // Where there is no label, the likeliest class is in the mask already.
  const Tensor label = at::where(labels < 0, top.select(2, 0), labels).unsqueeze(2);
  const Tensor mask = at::zeros_like(logits).scatter(2, top, 1.0).scatter(2, label, 1.0);
  const Tensor kept =
      at::where(mask > 0, logits / config.teacher_temperature, logits.amin(2, /*keepdim=*/true));
  return {.mask = mask, .teacher = kept.softmax(2) * mask};
}

Tensor ScaffoldedCrossEntropy(const ScaffoldConfig& config, const Tensor& student_logits,
                              const Tensor& help, const ScaffoldTarget& target) {
  // Probabilities that round to 0 have no help to save them outside the mask, but count for nothing
  // there.
  constexpr double kTiny = 1e-30;
  const Tensor s = (student_logits / config.student_temperature).softmax(2);
  const Tensor helped = (s + help.unsqueeze(2) * target.mask).clamp_min(kTiny);
  return CrossEntropy(target.teacher, helped.log()) *
         (config.student_temperature * config.teacher_temperature);
}

Tensor ScaffoldStudentLoss(const ScaffoldConfig& config, const Tensor& student_logits,
                           const Tensor& help, const ScaffoldTarget& target, const Tensor& labels) {
  const Tensor known = LabelCrossEntropy(student_logits, labels.clamp_min(0)) * (labels >= 0);
  return config.label_weight * known +
         config.scaffold_weight *
             ScaffoldedCrossEntropy(config, student_logits, help.detach(), target);
}

Tensor BudgetUse(const ScaffoldConfig& config, const Tensor& student_logits,
                 const Tensor& teacher_logits, const Tensor& help, const Tensor& labels) {
  const Tensor student = student_logits.detach();
  const Tensor hardness = LabelCrossEntropy(student, teacher_logits.detach().argmax(2))
                              .clamp_max(config.most_cross_entropy);
  const Tensor mistakes = (student.argmax(2) != labels).logical_and(labels >= 0).sum(1);
  return (help * hardness).sum(1) / mistakes.clamp_min(1);
}

ScaffoldLimits LimitsAt(const ScaffoldConfig& config, std::int64_t epoch) {
  const double rise = CosineShare(epoch, config.penalty_period);
  const double fall = CosineShare(epoch, config.budget_period);
  const double periods = static_cast<double>(epoch / config.budget_period);
  const double highest = config.highest_budget * std::pow(config.budget_decay, periods);
  return {
      .penalty = config.lowest_penalty + (config.highest_penalty - config.lowest_penalty) * rise,
      .budget = highest + (config.lowest_budget - highest) * fall};
}

Tensor GuideLoss(const ScaffoldConfig& config, const Tensor& student_logits,
                 const Tensor& teacher_logits, const Tensor& help, const Tensor& labels,
                 const ScaffoldLimits& limits) {
  const ScaffoldTarget target = MakeScaffoldTarget(config, teacher_logits, labels);
  const Tensor loss = ScaffoldedCrossEntropy(config, student_logits.detach(), help, target);
  const Tensor normalizer = (1.0 + static_cast<double>(config.top_classes) * help).log();
  const Tensor use = BudgetUse(config, student_logits, teacher_logits, help, labels);
  return config.scaffold_weight * (loss + normalizer).mean(1) +
         limits.penalty * (use - limits.budget).relu();
}

}  // namespace duet::distill
