// What the source's maps show without any layer in between.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "distill/rules/features.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// Where a map [M, B, D, H, W] has its energy: mean of squares over the channels, length 1,
// [M, B, H W].
Tensor Attention(const Tensor& map) { return UnitLength(map.square().mean(2).flatten(2), 2); }

// Attention transfer (arXiv:1612.03928, squares), as mean over the entries of squared
// differences, which is what its code does.
class AttentionTransfer : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto pairs = FeaturePairs(RuleKind::kAttentionTransfer, student, source, /*maps=*/true);
    return SumOverPairs(pairs, [](const FeaturePair& pair, std::size_t) {
      return (Attention(pair.student) - Attention(pair.source)).square().mean(2);
    });
  }
};

// Mean over all pairs of channels of (a_i . b_j)^2, [M, B].
Tensor MeanKernel(const Tensor& a, const Tensor& b) {
  return a.matmul(b.mT()).square().mean(c10::IntArrayRef{2, 3});
}

// Neuron selectivity transfer (arXiv:1707.01219): squared maximum mean discrepancy between
// the channels of both sides as points of length 1, with the kernel (a . b)^2.
class Nst : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto pairs = FeaturePairs(RuleKind::kNst, student, source, /*maps=*/true);
    return SumOverPairs(pairs, [](const FeaturePair& pair, std::size_t) {
      const Tensor s = UnitLength(pair.student.flatten(3), 3);
      const Tensor t = UnitLength(pair.source.flatten(3), 3);
      return MeanKernel(s, s) + MeanKernel(t, t) - 2.0 * MeanKernel(s, t);
    });
  }
};

}  // namespace

std::unique_ptr<Rule> MakeAttentionTransfer(const RuleConfig&) {
  return std::make_unique<AttentionTransfer>();
}

std::unique_ptr<Rule> MakeNst(const RuleConfig&) { return std::make_unique<Nst>(); }

}  // namespace duet::distill
