// Logits of classes, as the rules about classifiers use them.
#pragma once

#include <string_view>

#include "distill/rule.h"

namespace duet::distill {

// What an answer is, in words.
std::string_view Describe(agents::Distribution distribution);

// Logits [M, B, C] of both sides; the source's carry no gradient.
struct ClassLogits {
  Tensor student, source;
};
// Throws ConfigError naming `rule` where one of the answers has no logits, or they are of unlike
// numbers of classes.
ClassLogits LogitsOf(RuleKind rule, const Answer& student, const Answer& source);
void CheckClasses(RuleKind rule, const Tensor& student_logits, const Tensor& source_logits);

// (z - mean) / (std + 1e-7) over the classes, with the unbiased standard deviation, as in the code
// of arXiv:2403.01427.
Tensor Standardized(const Tensor& logits);

// -sum_c p_c log q_c per sample, [M, B], where `log_q` are log-probabilities.
Tensor CrossEntropy(const Tensor& p, const Tensor& log_q);
// KL(softmax(p) || softmax(q)) per sample, [M, B].
Tensor CategoricalKl(const Tensor& logits_p, const Tensor& logits_q);
// -log softmax(logits)_label per sample, [M, B], for labels [M, B] in [0, C).
Tensor LabelCrossEntropy(const Tensor& logits, const Tensor& labels);

}  // namespace duet::distill
