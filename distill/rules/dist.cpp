#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "distill/rules/classes.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// Less its mean over `axis` and scaled to length 1 there; what is constant becomes 0.
Tensor Centred(const Tensor& x, std::int64_t axis) {
  constexpr double kTiny = 1e-16;
  const Tensor centred = x - x.mean(axis, /*keepdim=*/true);
  return centred * centred.square().sum(axis, /*keepdim=*/true).clamp_min(kTiny).rsqrt();
}

// Distillation from a stronger teacher (arXiv:2205.10536): 1 - Pearson's correlation
// of the probabilities, over the classes of each sample and over the samples of each class, times
// T^2 as in its code. A correlation is 1 - |a - b|^2 / 2 of vectors of length 1, and a sample's
// share of the second term is its own part of that sum: B / 2 mean_c (a_bc - b_bc)^2.
class Dist : public Rule {
 public:
  explicit Dist(const RuleConfig& config) : config_(config) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto [own, wanted] = LogitsOf(RuleKind::kDist, student, source);
    const double t = config_.temperature;
    const Tensor s = (own / t).softmax(2), p = (wanted / t).softmax(2);
    const Tensor rows = (Centred(s, 2) - Centred(p, 2)).square().sum(2);
    const Tensor columns = (Centred(s, 1) - Centred(p, 1)).square().mean(2);
    const double batch = static_cast<double>(s.size(1));
    return (config_.row_weight * rows + config_.column_weight * batch * columns) * (0.5 * t * t);
  }

 private:
  RuleConfig config_;
};

}  // namespace

std::unique_ptr<Rule> MakeDist(const RuleConfig& config) { return std::make_unique<Dist>(config); }

}  // namespace duet::distill
