// Answers for tests of rules: waves, so that no two entries are alike.
#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

#include "distill/rule.h"

namespace duet::distill {

constexpr std::int64_t kMembers = 2, kBatch = 5, kClasses = 4;

// Numbers in [-1, 1], float64, whose phase depends on the frequency.
inline Tensor Wave(at::IntArrayRef shape, double frequency) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return at::sin(at::arange(count, at::kDouble) * frequency + frequency).view(shape);
}

// A classifier's logits [M, B, C].
inline Tensor WaveLogits(double frequency) {
  return 2.0 * Wave({kMembers, kBatch, kClasses}, frequency);
}

inline Tensor WaveLabels() {
  return at::arange(kMembers * kBatch, at::kLong).remainder(kClasses).view({kMembers, kBatch});
}

// The loss per sample, [M, B], of a rule made for these answers alone.
inline Tensor LossOf(const RuleConfig& config, const Answer& student, const Answer& source,
                     const Context& context = {}, const RuleInputs& inputs = {}) {
  return MakeRule(config, inputs)->Loss(student, source, context);
}

// The gradient by the student's logits of the mean over the batch.
inline Tensor LogitGradient(const RuleConfig& config, const Tensor& student, const Tensor& source,
                            const Context& context = {}, const RuleInputs& inputs = {}) {
  const Tensor leaf = student.detach().clone().requires_grad_(true);
  const Tensor losses =
      LossOf(config, ClassifierAnswer(leaf), ClassifierAnswer(source), context, inputs);
  losses.mean(1).sum().backward();
  return leaf.grad();
}

inline double MaxDifference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace duet::distill
