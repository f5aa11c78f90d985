#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "core/error.h"
#include "distill/rules/classes.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

using agents::Distribution;

// KL(p || q) of diagonal Gaussians per sample, summed over the action's entries:
// sum_j ln(s_q/s_p) + (s_p^2 + (m_p - m_q)^2) / (2 s_q^2) - 1/2.
Tensor GaussianKl(const Tensor& mean_p, const Tensor& log_std_p, const Tensor& mean_q,
                  const Tensor& log_std_q) {
  const Tensor variance_ratio = (2.0 * (log_std_p - log_std_q)).exp();
  const Tensor scaled_distance = ((mean_p - mean_q) * (-log_std_q).exp()).square();
  return (0.5 * (variance_ratio + scaled_distance - 1.0) - (log_std_p - log_std_q)).sum(2);
}

// Kullback-Leibler divergences between distributions of one kind: KL(source || student) covers all
// that the source does, KL(student || source) seeks what the source does most, and the symmetric
// rule is their sum.
class Divergence : public Rule {
 public:
  explicit Divergence(const RuleConfig& config)
      : kind_(config.kind),
        temperature_(config.temperature),
        standardize_(config.standardize || config.kind == RuleKind::kLskd) {}

  Tensor Loss(const Answer& student, const Answer& with_gradient, const Context&) override {
    const Answer source = Detached(with_gradient);
    Check(student, source);
    if (kind_ == RuleKind::kReverseKl) return Kl(student, source);
    if (kind_ == RuleKind::kSymmetricKl) return Kl(source, student) + Kl(student, source);
    return Kl(source, student);
  }

 private:
  Tensor Kl(const Answer& p, const Answer& q) const {
    switch (p.distribution()) {
      case Distribution::kNone:
        break;
      case Distribution::kGaussian:
        return GaussianKl(p.mean, p.log_std, q.mean, q.log_std);
      case Distribution::kTanhGaussian:
        // Squashing is one-to-one and the same for both, so it changes no divergence.
        return GaussianKl(p.location, p.log_std, q.location, q.log_std);
      case Distribution::kCategorical:
        return CategoricalKl(Softened(p.logits), Softened(q.logits)) *
               (temperature_ * temperature_);
    }
    return {};
  }

  Tensor Softened(const Tensor& logits) const {
    return (standardize_ ? Standardized(logits) : logits) / temperature_;
  }

  void Check(const Answer& student, const Answer& source) const {
    const Distribution kind = student.distribution();
    if (kind != source.distribution() || kind == Distribution::kNone) {
      throw ConfigError(fmt::format(
          "rule = \"{}\" compares action distributions of one kind; the source's is {}, the "
          "student's is {}; allowed is \"action_mse\"",
          RuleName(kind_), Describe(source.distribution()), Describe(kind)));
    }
    if (kind == Distribution::kCategorical) CheckClasses(kind_, student.logits, source.logits);
  }

  RuleKind kind_;
  double temperature_;
  bool standardize_;
};

}  // namespace

std::unique_ptr<Rule> MakeDivergence(const RuleConfig& config) {
  return std::make_unique<Divergence>(config);
}

}  // namespace duet::distill
