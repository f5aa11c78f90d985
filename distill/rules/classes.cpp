#include "distill/rules/classes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "core/error.h"

namespace duet::distill {

using agents::Distribution;

std::string_view Describe(Distribution distribution) {
  switch (distribution) {
    case Distribution::kNone:
      return "an action alone";
    case Distribution::kGaussian:
      return "a Gaussian";
    case Distribution::kTanhGaussian:
      return "the tanh of a Gaussian";
    case Distribution::kCategorical:
      return "categorical";
  }
  return "";
}

void CheckClasses(RuleKind rule, const Tensor& student_logits, const Tensor& source_logits) {
  const std::int64_t student = student_logits.size(2), source = source_logits.size(2);
  if (student == source) return;
  throw ConfigError(fmt::format(
      "rule = \"{}\" compares probabilities of the same classes; the source has {} classes, the "
      "student {}; allowed are rules of features, as \"sp\" or \"rkd\"",
      RuleName(rule), source, student));
}

ClassLogits LogitsOf(RuleKind rule, const Answer& student, const Answer& source) {
  if (!student.logits.defined() || !source.logits.defined()) {
    throw ConfigError(fmt::format(
        "rule = \"{}\" compares probabilities of classes; the source's answer is {}, the "
        "student's is {}; allowed is \"action_mse\" or a divergence",
        RuleName(rule), Describe(source.distribution()), Describe(student.distribution())));
  }
  CheckClasses(rule, student.logits, source.logits);
  return {.student = student.logits, .source = source.logits.detach()};
}

Tensor Standardized(const Tensor& logits) {
  constexpr double kSmall = 1e-7;
  const Tensor centred = logits - logits.mean(2, /*keepdim=*/true);
  return centred / (logits.std(2, /*unbiased=*/true, /*keepdim=*/true) + kSmall);
}

Tensor CrossEntropy(const Tensor& p, const Tensor& log_q) { return -(p * log_q).sum(2); }

Tensor CategoricalKl(const Tensor& logits_p, const Tensor& logits_q) {
  const Tensor log_p = logits_p.log_softmax(2);
  return (log_p.exp() * (log_p - logits_q.log_softmax(2))).sum(2);
}

Tensor LabelCrossEntropy(const Tensor& logits, const Tensor& labels) {
  return -logits.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2);
}

}  // namespace duet::distill
