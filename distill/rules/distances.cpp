// Squared distances of logits and of probabilities.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "distill/rules/classes.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// mean_c (s_c - p_c)^2 of softened probabilities, without a factor: the code of arXiv:2106.05945.
class Brier : public Rule {
 public:
  explicit Brier(const RuleConfig& config) : temperature_(config.temperature) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto [own, wanted] = LogitsOf(RuleKind::kBrier, student, source);
    const Tensor difference = (own / temperature_).softmax(2) - (wanted / temperature_).softmax(2);
    return difference.square().mean(2);
  }

 private:
  double temperature_;
};

// mean_c (z_c - z'_c)^2 of logits less their mean, which no probability depends on. Half of it is
// the limit of kd for a large temperature (arXiv:1503.02531, section 2.1).
class LogitMse : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto [own, wanted] = LogitsOf(RuleKind::kLogitMse, student, source);
    const Tensor difference = own - wanted;
    return (difference - difference.mean(2, /*keepdim=*/true)).square().mean(2);
  }
};

}  // namespace

std::unique_ptr<Rule> MakeBrier(const RuleConfig& config) {
  return std::make_unique<Brier>(config);
}

std::unique_ptr<Rule> MakeLogitMse(const RuleConfig&) { return std::make_unique<LogitMse>(); }

}  // namespace duet::distill
