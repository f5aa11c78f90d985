#include "distill/rule.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <limits>

#include "core/error.h"

namespace duet::distill {
namespace {

using agents::Distribution;

// Squared distance of the actions, averaged over the action's entries; D in Eq. 9 and 11 of
// arXiv:2006.04061. Acting clips to [-1, 1], so an entry beyond a bound agrees with any other
// beyond it.
class ActionMse : public Rule {
 public:
  Tensor Loss(const PolicyOutput& student, const PolicyOutput& source) const override {
    if (source.distribution() == Distribution::kCategorical) {
      throw ConfigError(
          "rule = \"action_mse\" compares actions that are numbers, and these are discrete; "
          "allowed is \"forward_kl\" or \"reverse_kl\"");
    }
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const Tensor wanted = source.mean.detach();
    const Tensor least = at::where(wanted <= -1.0, -kInfinity, wanted.clamp_max(1.0));
    const Tensor most = at::where(wanted >= 1.0, kInfinity, wanted.clamp_min(-1.0));
    const Tensor nearest = student.mean.detach().maximum(least).minimum(most);
    return (student.mean - nearest).square().mean(2);
  }
};

// KL(p || q) of diagonal Gaussians per sample, summed over the action's entries:
// sum_j ln(s_q/s_p) + (s_p^2 + (m_p - m_q)^2) / (2 s_q^2) - 1/2.
Tensor GaussianKl(const Tensor& mean_p, const Tensor& log_std_p, const Tensor& mean_q,
                  const Tensor& log_std_q) {
  const Tensor variance_ratio = (2.0 * (log_std_p - log_std_q)).exp();
  const Tensor scaled_distance = ((mean_p - mean_q) * (-log_std_q).exp()).square();
  return (0.5 * (variance_ratio + scaled_distance - 1.0) - (log_std_p - log_std_q)).sum(2);
}

// KL(softmax(p) || softmax(q)) per sample.
Tensor CategoricalKl(const Tensor& logits_p, const Tensor& logits_q) {
  const Tensor log_p = logits_p.log_softmax(2);
  return (log_p.exp() * (log_p - logits_q.log_softmax(2))).sum(2);
}

PolicyOutput Detached(const PolicyOutput& answer) {
  const auto detach = [](const Tensor& part) { return part.defined() ? part.detach() : part; };
  return {.mean = detach(answer.mean),
          .log_std = detach(answer.log_std),
          .location = detach(answer.location),
          .logits = detach(answer.logits)};
}

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

// A Kullback-Leibler divergence between distributions of one kind.
class Divergence : public Rule {
 public:
  Divergence(std::string_view name, bool reverse, double temperature)
      : name_(name), reverse_(reverse), temperature_(temperature) {}

  Tensor Loss(const PolicyOutput& student, const PolicyOutput& with_gradient) const override {
    const PolicyOutput source = Detached(with_gradient);
    return reverse_ ? Kl(student, source, student, source) : Kl(source, student, student, source);
  }

 private:
  Tensor Kl(const PolicyOutput& p, const PolicyOutput& q, const PolicyOutput& student,
            const PolicyOutput& source) const {
    if (student.distribution() != source.distribution()) Refuse(student, source);
    switch (student.distribution()) {
      case Distribution::kNone:
        Refuse(student, source);
      case Distribution::kGaussian:
        return GaussianKl(p.mean, p.log_std, q.mean, q.log_std);
      case Distribution::kTanhGaussian:
        // Squashing is one-to-one and the same for both, so it changes no divergence.
        return GaussianKl(p.location, p.log_std, q.location, q.log_std);
      case Distribution::kCategorical:
        return CategoricalKl(p.logits / temperature_, q.logits / temperature_) *
               (temperature_ * temperature_);
    }
    return {};
  }

  [[noreturn]] void Refuse(const PolicyOutput& student, const PolicyOutput& source) const {
    throw ConfigError(fmt::format(
        "rule = \"{}\" compares action distributions of one kind; the source's is {}, the "
        "student's is {}; allowed is \"action_mse\"",
        name_, Describe(source.distribution()), Describe(student.distribution())));
  }

  std::string_view name_;
  bool reverse_;
  double temperature_;
};

}  // namespace

std::unique_ptr<Rule> MakeRule(RuleKind kind, double temperature) {
  const std::string_view name = kRules[static_cast<std::size_t>(kind)].name;
  switch (kind) {
    case RuleKind::kActionMse:
      return std::make_unique<ActionMse>();
    case RuleKind::kForwardKl:  // KL(source || student): covers all that the source does
      return std::make_unique<Divergence>(name, /*reverse=*/false, temperature);
    case RuleKind::kReverseKl:  // KL(student || source): seeks what the source does most
      return std::make_unique<Divergence>(name, /*reverse=*/true, temperature);
  }
  return nullptr;
}

}  // namespace duet::distill
