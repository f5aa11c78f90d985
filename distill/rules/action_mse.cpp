#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <limits>

#include "core/error.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// Squared distance of the actions, averaged over the action's entries; D in Eq. 9 and 11 of
// arXiv:2006.04061. Acting clips to [-1, 1], so an entry beyond a bound agrees with any other
// beyond it.
class ActionMse : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    if (source.distribution() == agents::Distribution::kCategorical) {
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

}  // namespace

std::unique_ptr<Rule> MakeActionMse(const RuleConfig&) { return std::make_unique<ActionMse>(); }

}  // namespace duet::distill
