#include "distill/rules/features.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace duet::distill {
namespace {

FeatureShapes ShapesOf(const Answer& answer) {
  FeatureShapes shapes;
  for (const Tensor& feature : answer.features) shapes.push_back(feature.sizes().slice(2).vec());
  return shapes;
}

void CheckCount(RuleKind rule, std::size_t student, std::size_t source) {
  if (student == source) return;
  throw ConfigError(fmt::format(
      "rule = \"{}\" compares features layer by layer; the student shows {} layers, the source {}",
      RuleName(rule), student, source));
}

Tensor Pooled(const Tensor& map, std::int64_t height, std::int64_t width) {
  if (map.size(3) == height && map.size(4) == width) return map;
  const Tensor flat = map.flatten(0, 1);
  return at::adaptive_avg_pool2d(flat, {height, width})
      .view({map.size(0), map.size(1), map.size(2), height, width});
}

// What stands for a sample of an answer without features.
Tensor AnswerVector(const Answer& answer) {
  if (answer.logits.defined()) return answer.logits;
  return answer.location.defined() ? answer.location : answer.mean;
}

}  // namespace

void CheckFeatures(RuleKind rule, const FeatureShapes& student, const FeatureShapes& source,
                   bool maps) {
  CheckCount(rule, student.size(), source.size());
  if (student.empty()) {
    throw ConfigError(
        fmt::format("rule = \"{}\" compares features and no layers are named", RuleName(rule)));
  }
  for (std::size_t i = 0; i < student.size(); ++i) {
    const bool both_maps = student[i].size() == 3 && source[i].size() == 3;
    const bool both_vectors = student[i].size() == 1 && source[i].size() == 1;
    if (both_maps || (both_vectors && !maps)) continue;
    throw ConfigError(fmt::format(
        "rule = \"{}\" compares {}; of layer {} the student shows [{}], the source [{}]",
        RuleName(rule), maps ? "maps [D, H, W]" : "two maps [D, H, W] or two vectors [D]", i,
        fmt::join(student[i], ", "), fmt::join(source[i], ", ")));
  }
}

std::vector<FeaturePair> FeaturePairs(RuleKind rule, const Answer& student, const Answer& source,
                                      bool maps) {
  CheckFeatures(rule, ShapesOf(student), ShapesOf(source), maps);
  std::vector<FeaturePair> pairs;
  for (std::size_t i = 0; i < student.features.size(); ++i) {
    const Tensor& own = student.features[i];
    const Tensor wanted = source.features[i].detach();
    if (own.dim() == 3) {
      pairs.push_back({own, wanted});
      continue;
    }
    const std::int64_t height = std::min(own.size(3), wanted.size(3));
    const std::int64_t width = std::min(own.size(4), wanted.size(4));
    pairs.push_back({Pooled(own, height, width), Pooled(wanted, height, width)});
  }
  return pairs;
}

std::vector<FeaturePair> Embeddings(RuleKind rule, const Answer& student, const Answer& source) {
  CheckCount(rule, student.features.size(), source.features.size());
  if (student.features.empty()) {
    return {{AnswerVector(student), AnswerVector(source).detach()}};
  }
  std::vector<FeaturePair> pairs;
  for (std::size_t i = 0; i < student.features.size(); ++i) {
    pairs.push_back({student.features[i].flatten(2), source.features[i].detach().flatten(2)});
  }
  return pairs;
}

Tensor UnitLength(const Tensor& x, std::int64_t axis) {
  constexpr double kTiny = 1e-12;
  return x / at::linalg_vector_norm(x, 2, {axis}, /*keepdim=*/true).clamp_min(kTiny);
}

}  // namespace duet::distill
