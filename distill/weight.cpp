#include "distill/weight.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace duet::distill {
namespace {

// Disadvantages that differ by less than this are all the same.
constexpr double kSmallestStd = 1e-8;
constexpr double kSmallestMean = 1e-30;

class Uniform : public Weight {
 public:
  Tensor Weigh(const Tensor& disadvantage) const override { return at::ones_like(disadvantage); }
};

// 1(xi > 0), Eq. 9 of arXiv:2006.04061.
class Hard : public Weight {
 public:
  explicit Hard(bool reversed) : reversed_(reversed) {}

  Tensor Weigh(const Tensor& disadvantage) const override {
    return (reversed_ ? disadvantage < 0 : disadvantage > 0).to(disadvantage.dtype());
  }

 private:
  bool reversed_;
};

// exp(alpha * xi / scale), Eq. 11 of arXiv:2006.04061, clipped, then normalised to mean 1 over each
// member's batch. Clipping and normalising are the released code's, not the paper's.
class Exponential : public Weight {
 public:
  explicit Exponential(const WeightConfig& config) : config_(config) {}

  Tensor Weigh(const Tensor& with_gradient) const override {
    const Tensor disadvantage = with_gradient.detach();
    Tensor exponent = disadvantage * (config_.reversed ? -config_.alpha : config_.alpha);
    if (config_.scale == DisadvantageScale::kBatchStd) {
      const Tensor deviation = disadvantage - disadvantage.mean(1, /*keepdim=*/true);
      exponent =
          exponent / deviation.square().mean(1, /*keepdim=*/true).sqrt().clamp_min(kSmallestStd);
    }
    const Tensor weights = exponent.exp().clamp(config_.clip_low, config_.clip_high);
    // Without a lower bound all weights of a member may vanish; then they stay zero.
    return weights / weights.mean(1, /*keepdim=*/true).clamp_min(kSmallestMean);
  }

 private:
  const WeightConfig config_;
};

}  // namespace

void VisitFields(core::FieldVisitor& v, WeightConfig& c) {
  v.Choice("kind", c.kind, kWeights, "which samples count");
  v.Field("alpha", c.alpha, {0.0, 1000.0}, "exponential: how sharply the disadvantage counts");
  v.Field("clip_low", c.clip_low, {0.0, 1.0}, "exponential: least weight before normalising");
  v.Field("clip_high", c.clip_high, {1.0, 1e12}, "exponential: largest weight before normalising");
  v.Choice("scale", c.scale, kScales, "exponential: what the disadvantage is divided by");
  v.Field("reversed", c.reversed, "ablation: weigh where the student is better");
}

std::unique_ptr<Weight> MakeWeight(const WeightConfig& config) {
  switch (config.kind) {
    case WeightKind::kUniform:
      return std::make_unique<Uniform>();
    case WeightKind::kHard:
      return std::make_unique<Hard>(config.reversed);
    case WeightKind::kExponential:
      return std::make_unique<Exponential>(config);
  }
  return nullptr;
}

}  // namespace duet::distill
