// How far is the student's answer from the lesson's?
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agents/policy.h"
#include "core/fields.h"

namespace duet::distill {

using agents::PolicyOutput;
using agents::Tensor;

class Rule {
 public:
  virtual ~Rule() = default;

  // Loss per sample, [M, B], >= 0 and 0 where both answers agree. The gradient flows to `student`
  // only. Throws ConfigError where the rule cannot compare answers of these kinds.
  virtual Tensor Loss(const PolicyOutput& student, const PolicyOutput& source) const = 0;
};

enum class RuleKind { kActionMse, kForwardKl, kReverseKl };

// Words of settings files, in the order of the enum.
inline constexpr core::Option<RuleKind> kRules[] = {{"action_mse", RuleKind::kActionMse},
                                                    {"forward_kl", RuleKind::kForwardKl},
                                                    {"reverse_kl", RuleKind::kReverseKl}};

// `temperature` softens categorical distributions, on both sides: softmax(logits / temperature).
// The loss is then multiplied by its square, so that gradients keep their size (arXiv:1503.02531,
// section 2).
std::unique_ptr<Rule> MakeRule(RuleKind kind, double temperature = 1.0);

}  // namespace duet::distill
