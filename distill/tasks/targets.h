// What a classifier is told about labels: smoothed, smoothed by chance, or with a price on being
// sure. Where a label is -1 there is none, and the sample's loss is 0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/tensor.h"
#include "core/archive.h"
#include "core/fields.h"
#include "core/random.h"

namespace duet::tasks {

using agents::Tensor;

struct TargetConfig {
  double label_smoothing = 0.0;     // epsilon: 1 - epsilon on the label, the rest on the others
  double confidence_penalty = 0.0;  // beta: less beta times the entropy of the student's answer
  double beta_share = 0.0;  // alpha: share of Beta-smoothed labels; 0.6 in arXiv:2006.05065's code
  double beta_shape = 3.0;  // a of Beta(a, 1), the same
  double average_decay = 0.999;  // of the averaged weights that rank samples, the same
};
void VisitFields(core::FieldVisitor& v, TargetConfig& c);

// Probabilities [M, B, C] with `share`, [M, B] or a number broadcast to it, on each label of [M, B]
// and (1 - share) / (C - 1) on each other class; all 0 where there is no label.
Tensor LabelTargets(const Tensor& labels, const Tensor& share, std::int64_t num_classes);

// -sum_c targets_c log softmax(logits)_c per sample, [M, B].
Tensor TargetLoss(const Tensor& logits, const Tensor& targets);
// -log softmax(logits)_label per sample, [M, B].
Tensor LabelLoss(const Tensor& logits, const Tensor& labels);
// Shannon entropy of softmax(logits) per sample, [M, B].
Tensor Entropy(const Tensor& logits);

// Each member's own numbers of Beta(a, 1) in (0, 1], [M, B] float32: u^(1/a) of a uniform u.
Tensor DrawBeta(std::span<core::Rng> rngs, std::int64_t batch, double shape);
// The draws of each member reordered so that they have the ranks of `values`; both [M, B]. Equal
// values keep their order.
Tensor WithRanksOf(const Tensor& draws, const Tensor& values);

// Moves `average` towards `weights` after the `step`-th step of training, counted from 0: by 1 /
// (step + 1) until that is below 1 - decay, so that the first steps count alike.
void UpdateAverage(Tensor& average, const Tensor& weights, std::int64_t step, double decay);

// The loss of labels as TargetConfig has it.
class Targets {
 public:
  Targets(const TargetConfig& config, std::span<const std::uint64_t> member_seeds);

  // Whether Loss needs the logits of the averaged weights.
  bool needs_average() const { return config_.beta_share > 0.0; }

  // Loss per sample, [M, B]: (1 - alpha) of the smoothed labels, alpha of the labels smoothed by
  // numbers from Beta(a, 1), which are ranked in the batch as the averaged weights' confidences in
  // the labels (arXiv:2006.05065, as in its code), and less the price on being sure.
  // `average_logits`, [M, B, C], are read where needs_average().
  Tensor Loss(const Tensor& logits, const Tensor& labels, const Tensor& average_logits = {});

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  Tensor BetaLoss(const Tensor& logits, const Tensor& labels, const Tensor& average_logits);

  TargetConfig config_;
  std::vector<core::Rng> rngs_;
};

}  // namespace duet::tasks
