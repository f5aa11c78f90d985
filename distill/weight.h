// How much does a sample of a lesson count?
#pragma once

#include <memory>

#include "agents/tensor.h"
#include "core/fields.h"

namespace duet::distill {

using agents::Tensor;

enum class WeightKind { kUniform, kHard, kExponential };
enum class DisadvantageScale { kNone, kBatchStd };

// Words of settings files, in the order of the enums.
inline constexpr core::Option<WeightKind> kWeights[] = {{"uniform", WeightKind::kUniform},
                                                        {"hard", WeightKind::kHard},
                                                        {"exponential", WeightKind::kExponential}};
inline constexpr core::Option<DisadvantageScale> kScales[] = {
    {"none", DisadvantageScale::kNone}, {"batch_std", DisadvantageScale::kBatchStd}};

struct WeightConfig {
  WeightKind kind = WeightKind::kExponential;
  double alpha = 1.0;  // in [0.1, 10] in arXiv:2006.04061
  double clip_low = 0.01;
  double clip_high = 100.0;
  DisadvantageScale scale = DisadvantageScale::kBatchStd;
  bool reversed = false;  // for the ablation: weigh where the student is better
};
void VisitFields(core::FieldVisitor& v, WeightConfig& c);

class Weight {
 public:
  virtual ~Weight() = default;

  // Weights [M, B] >= 0, without gradient, from the disadvantage xi = V_source - V_student, [M, B].
  // Each member's weights depend on its own row alone.
  virtual Tensor Weigh(const Tensor& disadvantage) const = 0;
};

std::unique_ptr<Weight> MakeWeight(const WeightConfig& config);

}  // namespace duet::distill
