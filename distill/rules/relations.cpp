// How the samples of a batch lie to each other. These rules compare any two sides, of whatever
// widths; a term of a pair (i, j) counts for sample i, and one of a triple for its middle.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>

#include "distill/rules/features.h"
#include "distill/rules/rules.h"

namespace duet::distill {
namespace {

// Similarity preserving (arXiv:1907.09682): |G_s - G_t|_F^2 / B^2, where row i of G is the
// inner products of sample i with all, scaled to length 1.
class Sp : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto pairs = Embeddings(RuleKind::kSp, student, source);
    return SumOverPairs(pairs, [](const FeaturePair& pair, std::size_t) {
      return (Rows(pair.student) - Rows(pair.source)).square().mean(2);
    });
  }

 private:
  static Tensor Rows(const Tensor& x) { return UnitLength(x.bmm(x.mT()), 2); }
};

// Probabilistic knowledge transfer (arXiv:1803.10837): the divergence of the source's
// similarities (1 + cosine) / 2, as shares of their row's sum, from the student's; mean over all
// B^2 pairs, as in its code.
class Pkt : public Rule {
 public:
  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    constexpr double kSmall = 1e-7;
    const auto pairs = Embeddings(RuleKind::kPkt, student, source);
    return SumOverPairs(pairs, [](const FeaturePair& pair, std::size_t) {
      const Tensor s = Shares(pair.student), t = Shares(pair.source);
      return (t * ((t + kSmall) / (s + kSmall)).log()).mean(2);
    });
  }

 private:
  static Tensor Shares(const Tensor& x) {
    const Tensor unit = UnitLength(x, 2);
    const Tensor similarity = 0.5 * (1.0 + unit.bmm(unit.mT()));
    return similarity / similarity.sum(2, /*keepdim=*/true);
  }
};

// Huber's function with its bend at 1.
Tensor Huber(const Tensor& a, const Tensor& b) {
  return at::smooth_l1_loss(a, b, at::Reduction::None);
}

// Relational knowledge distillation (arXiv:1904.05068): Huber's function of the
// differences of distances, in units of their mean over the pairs that are apart, and of the
// cosines of angles; means over all B^2 pairs and B^3 triples.
class Rkd : public Rule {
 public:
  explicit Rkd(const RuleConfig& config) : config_(config) {}

  Tensor Loss(const Answer& student, const Answer& source, const Context&) override {
    const auto pairs = Embeddings(RuleKind::kRkd, student, source);
    return SumOverPairs(pairs, [&](const FeaturePair& pair, std::size_t) {
      const Tensor s = Differences(pair.student), t = Differences(pair.source);
      const Tensor distances = Huber(Distances(s), Distances(t)).mean(2);
      if (config_.angle_weight == 0.0) return config_.distance_weight * distances;
      const Tensor angles = Huber(Angles(s), Angles(t)).mean(c10::IntArrayRef{2, 3});
      return config_.distance_weight * distances + config_.angle_weight * angles;
    });
  }

 private:
  // From sample i to sample j, [M, B, B, D].
  static Tensor Differences(const Tensor& x) { return x.unsqueeze(1) - x.unsqueeze(2); }

  // [M, B, B] in units of the mean over distances that are not 0.
  static Tensor Distances(const Tensor& differences) {
    constexpr double kTiny = 1e-12;
    constexpr std::int64_t kPairs[] = {1, 2};
    const Tensor distance = at::linalg_vector_norm(differences, 2, 3);
    const Tensor apart = (distance > 0).sum(kPairs, /*keepdim=*/true).clamp_min(1);
    return distance / (distance.sum(kPairs, /*keepdim=*/true) / apart).clamp_min(kTiny);
  }

  // Cosines [M, B, B, B] between the directions from sample i to j and to k.
  static Tensor Angles(const Tensor& differences) {
    const Tensor directions = UnitLength(differences, 3);
    return directions.matmul(directions.mT());
  }

  RuleConfig config_;
};

}  // namespace

std::unique_ptr<Rule> MakeSp(const RuleConfig&) { return std::make_unique<Sp>(); }
std::unique_ptr<Rule> MakePkt(const RuleConfig&) { return std::make_unique<Pkt>(); }
std::unique_ptr<Rule> MakeRkd(const RuleConfig& config) { return std::make_unique<Rkd>(config); }

}  // namespace duet::distill
