#include "distill/rule.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "core/error.h"

namespace duet::distill {
namespace {

// Squared error of the actions, averaged over the action's entries; D in Eq. 9 and 11 of
// arXiv:2006.04061.
class ActionMse : public Rule {
 public:
  Tensor Loss(const PolicyOutput& student, const PolicyOutput& source) const override {
    return (student.mean - source.mean.detach()).square().mean(2);
  }
};

void RequireDistribution(const PolicyOutput& answer, std::string_view whose) {
  if (answer.log_std.defined()) return;
  throw ConfigError(std::string("a divergence needs action distributions; the ") +
                    std::string(whose) +
                    "'s policy has none (no Gaussian exploration): use rule = \"action_mse\"");
}

void RequireSameSquashing(const PolicyOutput& student, const PolicyOutput& source) {
  if (student.distribution() == source.distribution()) return;
  throw ConfigError(
      "a divergence needs distributions of one kind; here one policy is the tanh of a Gaussian and "
      "the other a Gaussian: use rule = \"action_mse\"");
}

void RequireComparable(const PolicyOutput& student, const PolicyOutput& source) {
  RequireDistribution(student, "student");
  RequireDistribution(source, "source");
  RequireSameSquashing(student, source);
}

// The mean of the Gaussian itself: a divergence is the same before and after the tanh.
const Tensor& GaussianMean(const PolicyOutput& answer) {
  return answer.location.defined() ? answer.location : answer.mean;
}

// KL(p || q) of diagonal Gaussians per sample, summed over the action's entries:
// sum_j ln(s_q/s_p) + (s_p^2 + (m_p - m_q)^2) / (2 s_q^2) - 1/2.
Tensor GaussianKl(const Tensor& mean_p, const Tensor& log_std_p, const Tensor& mean_q,
                  const Tensor& log_std_q) {
  const Tensor variance_ratio = (2.0 * (log_std_p - log_std_q)).exp();
  const Tensor scaled_distance = ((mean_p - mean_q) * (-log_std_q).exp()).square();
  return (0.5 * (variance_ratio + scaled_distance - 1.0) - (log_std_p - log_std_q)).sum(2);
}

// KL(source || student): covers all that the source does.
class ForwardKl : public Rule {
 public:
  Tensor Loss(const PolicyOutput& student, const PolicyOutput& source) const override {
    RequireComparable(student, source);
    return GaussianKl(GaussianMean(source).detach(), source.log_std.detach(), GaussianMean(student),
                      student.log_std);
  }
};

// KL(student || source): seeks what the source does most.
class ReverseKl : public Rule {
 public:
  Tensor Loss(const PolicyOutput& student, const PolicyOutput& source) const override {
    RequireComparable(student, source);
    return GaussianKl(GaussianMean(student), student.log_std, GaussianMean(source).detach(),
                      source.log_std.detach());
  }
};

}  // namespace

std::unique_ptr<Rule> MakeRule(RuleKind kind) {
  switch (kind) {
    case RuleKind::kActionMse:
      return std::make_unique<ActionMse>();
    case RuleKind::kForwardKl:
      return std::make_unique<ForwardKl>();
    case RuleKind::kReverseKl:
      return std::make_unique<ReverseKl>();
  }
  return nullptr;
}

}  // namespace duet::distill
