// Features of both sides, as the rules about them use them.
#pragma once

#include <ATen/TensorOperators.h>

#include <cstddef>
#include <vector>

#include "distill/rule.h"

namespace duet::distill {

// One layer of each side; the source's carries no gradient.
struct FeaturePair {
  Tensor student, source;
};

// Throws ConfigError naming `rule` where the sides show unlike numbers of layers or none, or where
// a pair is not two maps or two vectors. With `maps` no vectors are allowed.
void CheckFeatures(RuleKind rule, const FeatureShapes& student, const FeatureShapes& source,
                   bool maps = false);

// The features layer by layer; where the maps of a pair have unlike sizes, the larger one is
// averaged down to the smaller height and width. Throws as CheckFeatures.
std::vector<FeaturePair> FeaturePairs(RuleKind rule, const Answer& student, const Answer& source,
                                      bool maps = false);

// One vector [M, B, D] per sample and layer, for rules that compare samples with one another; D may
// differ between the sides. Without features it is the answer itself: logits, the location before a
// tanh, or the mean. Throws ConfigError where the sides show unlike numbers of layers.
std::vector<FeaturePair> Embeddings(RuleKind rule, const Answer& student, const Answer& source);

// Scaled to length 1 over `axis`; what is shorter than 1e-12 stays short.
Tensor UnitLength(const Tensor& x, std::int64_t axis);

// The pairs' losses [M, B] added up: the same rule at several layers.
template <typename Loss>
Tensor SumOverPairs(const std::vector<FeaturePair>& pairs, const Loss& loss) {
  Tensor sum;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Tensor each = loss(pairs[i], i);
    sum = sum.defined() ? sum + each : each;
  }
  return sum;
}

}  // namespace duet::distill
