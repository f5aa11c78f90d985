// Distillation with a scaffold (DiSK, ICLR 2023): in training alone, a guide helps the student with
// examples that are too hard for it, within a budget. The student and the guide learn in turns.
//
// Notation: s probabilities of the student, softened by its own temperature; t' the teacher's on
// the classes that count, 0 on others; g in [0, 1] the help, [M, B]. The forms are those of the
// authors' code (github.com/anilkagak2/DiSK_Distilling_Scaffolded_Knowledge, use_prob 50 and
// penalty 24).
#pragma once

#include <cstdint>

#include "agents/tensor.h"
#include "core/fields.h"

namespace duet::distill {

using agents::Tensor;

// Defaults are the code's for CIFAR-100.
struct ScaffoldConfig {
  double teacher_temperature = 4.0;
  double student_temperature = 3.5;
  std::int64_t top_classes = 10;     // K: classes that count besides the label
  double label_weight = 0.1;         // of the labels' cross-entropy
  double scaffold_weight = 0.9;      // of the scaffolded loss and its normaliser
  double most_cross_entropy = 5.0;   // a sample's share of the budget is cut off there
  std::int64_t penalty_period = 50;  // epochs in which the penalty rises on a cosine …
  double lowest_penalty = 1.0;       // … from here
  double highest_penalty = 5.0;      // … to here, and starts again
  std::int64_t budget_period = 20;   // epochs in which the budget falls on a cosine …
  double highest_budget = 0.6;       // … from here, times budget_decay in each further period
  double lowest_budget = 0.4;        // … to here
  double budget_decay = 0.9;
};
void VisitFields(core::FieldVisitor& v, ScaffoldConfig& c);

struct ScaffoldTarget {
  Tensor mask;     // [M, B, C] 1 for the teacher's K likeliest classes and the label, else 0
  Tensor teacher;  // [M, B, C] t': softmax(z / T, or min z where the mask is 0) * mask
};
// Of the teacher's logits [M, B, C] and labels [M, B], -1: none.
ScaffoldTarget MakeScaffoldTarget(const ScaffoldConfig& config, const Tensor& teacher_logits,
                                  const Tensor& labels);

// The scaffolded loss per sample, [M, B]: -T_s T sum_c t'_c log(s_c + g mask_c). Without help it is
// the cross-entropy with t'. The gradient flows to the logits and to the help.
Tensor ScaffoldedCrossEntropy(const ScaffoldConfig& config, const Tensor& student_logits,
                              const Tensor& help, const ScaffoldTarget& target);

// What the student minimises, [M, B]: label_weight times the labels' cross-entropy (0 where there
// is none) + scaffold_weight times the scaffolded loss. Only the student gets a gradient.
Tensor ScaffoldStudentLoss(const ScaffoldConfig& config, const Tensor& student_logits,
                           const Tensor& help, const ScaffoldTarget& target, const Tensor& labels);

// How much help is given, per member [M]: sum_b g_b min(CE_b, most_cross_entropy) over the number
// of the student's mistakes (at least 1), where CE is of the student on the teacher's likeliest
// class. The gradient flows to the help alone.
Tensor BudgetUse(const ScaffoldConfig& config, const Tensor& student_logits,
                 const Tensor& teacher_logits, const Tensor& help, const Tensor& labels);

// Limits of an epoch, counted from 0.
struct ScaffoldLimits {
  double penalty;  // lambda, on what exceeds the budget
  double budget;   // delta
};
ScaffoldLimits LimitsAt(const ScaffoldConfig& config, std::int64_t epoch);

// What the guide minimises, per member [M]: scaffold_weight times the mean over the batch of the
// scaffolded loss and of the normaliser log(1 + K g), + penalty * max(0, use - budget). Only the
// help gets a gradient.
Tensor GuideLoss(const ScaffoldConfig& config, const Tensor& student_logits,
                 const Tensor& teacher_logits, const Tensor& help, const Tensor& labels,
                 const ScaffoldLimits& limits);

}  // namespace duet::distill
