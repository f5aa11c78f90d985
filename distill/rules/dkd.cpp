#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "core/error.h"
#include "distill/rules/classes.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// log p and log (1 - p) of the target class, [M, B, 2], and the logits of the others, whose target
// is as good as excluded, [M, B, C].
struct Decoupled {
  Tensor target, others;
};

Decoupled Decouple(const Tensor& logits, const Tensor& labels) {
  constexpr double kExcluded = -1e9;  // finite, so that 0 * (its log-probability) is 0
  const Tensor index = labels.unsqueeze(2);
  const Tensor others = logits.scatter(2, index, kExcluded);
  const Tensor all = logits.logsumexp(2, /*keepdim=*/true);
  return {.target = at::cat({logits.gather(2, index) - all, others.logsumexp(2, true) - all}, 2),
          .others = others};
}

// Decoupled knowledge distillation (arXiv:2203.08679): alpha KL of the target against the
// rest + beta KL among the rest, times T^2. With alpha = 1 and beta = 1 - p_target of the source it
// is kd. Where a sample has no label, the source's likeliest class stands for it.
class Dkd : public Rule {
 public:
  explicit Dkd(const RuleConfig& config) : config_(config) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context& context) override {
    auto [own, wanted] = LogitsOf(RuleKind::kDkd, student, source);
    if (!context.labels.defined()) {
      throw ConfigError(
          "rule = \"dkd\" tells the labelled class from the others; there are no labels");
    }
    const Tensor labels = at::where(context.labels < 0, wanted.argmax(2), context.labels);
    if (config_.standardize) {
      own = Standardized(own);
      wanted = Standardized(wanted);
    }
    const double t = config_.temperature;
    const Decoupled p = Decouple(wanted / t, labels), q = Decouple(own / t, labels);
    const Tensor target = (p.target.exp() * (p.target - q.target)).sum(2);
    const Tensor others = CategoricalKl(p.others, q.others);
    return (config_.target_weight * target + config_.non_target_weight * others) * (t * t);
  }

 private:
  RuleConfig config_;
};

}  // namespace

std::unique_ptr<Rule> MakeDkd(const RuleConfig& config) { return std::make_unique<Dkd>(config); }

}  // namespace duet::distill
