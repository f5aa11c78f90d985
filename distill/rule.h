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
  // only. Throws ConfigError where a rule needs a distribution and an answer has none.
  virtual Tensor Loss(const PolicyOutput& student, const PolicyOutput& source) const = 0;
};

enum class RuleKind { kActionMse, kForwardKl, kReverseKl };

// Words of settings files, in the order of the enum.
inline constexpr core::Option<RuleKind> kRules[] = {{"action_mse", RuleKind::kActionMse},
                                                    {"forward_kl", RuleKind::kForwardKl},
                                                    {"reverse_kl", RuleKind::kReverseKl}};

std::unique_ptr<Rule> MakeRule(RuleKind kind);

}  // namespace duet::distill
