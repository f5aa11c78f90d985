#include "distill/tasks/targets.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>

#include "agents/members.h"

namespace duet::tasks {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void VisitFields(core::FieldVisitor& v, TargetConfig& c) {
  v.Field("label_smoothing", c.label_smoothing, {0.0, 1.0},
          "probability taken from the label and given to the other classes");
  v.Field("confidence_penalty", c.confidence_penalty, {0.0, 1e6},
          "how much entropy of the student's answer is worth");
  v.Field("beta_share", c.beta_share, {0.0, 1.0}, "share of labels smoothed by Beta(a, 1) numbers");
  v.Field("beta_shape", c.beta_shape, {0.0, 1e9, true}, "a of Beta(a, 1)");
  v.Field("average_decay", c.average_decay, {0.0, 1.0},
          "of the averaged weights whose confidence ranks the samples");
}

Tensor LabelTargets(const Tensor& labels, const Tensor& share, std::int64_t num_classes) {
  const Tensor here = share.expand_as(labels).unsqueeze(2);
  const Tensor others = (1.0 - here) / static_cast<double>(num_classes - 1);
  const Tensor index = labels.clamp_min(0).unsqueeze(2);
  const Tensor all = others.expand({labels.size(0), labels.size(1), num_classes});
  return all.scatter(2, index, here).mul(labels.ge(0).unsqueeze(2));
}

Tensor TargetLoss(const Tensor& logits, const Tensor& targets) {
  return -(targets * logits.log_softmax(2)).sum(2);
}

Tensor LabelLoss(const Tensor& logits, const Tensor& labels) {
  const Tensor index = labels.clamp_min(0).unsqueeze(2);
  return -logits.log_softmax(2).gather(2, index).squeeze(2).mul(labels.ge(0));
}

Tensor Entropy(const Tensor& logits) {
  const Tensor log_p = logits.log_softmax(2);
  return -(log_p.exp() * log_p).sum(2);
}

Tensor DrawBeta(std::span<core::Rng> rngs, std::int64_t batch, double shape) {
  const auto members = static_cast<std::int64_t>(rngs.size());
  Tensor draws = at::empty({members, batch}, at::kFloat);
  float* value = draws.mutable_data_ptr<float>();
  for (core::Rng& rng : rngs) {
    for (std::int64_t i = 0; i < batch; ++i) {
      *value++ = static_cast<float>(std::pow(1.0 - rng.Uniform(0.0, 1.0), 1.0 / shape));
    }
  }
  return draws;
}

Tensor WithRanksOf(const Tensor& draws, const Tensor& values) {
  const Tensor sorted = std::get<0>(draws.sort(1));
  const Tensor order = std::get<1>(values.sort(/*stable=*/std::optional<bool>(true), 1));
  return at::empty_like(sorted).scatter_(1, order, sorted);
}

void UpdateAverage(Tensor& average, const Tensor& weights, std::int64_t step, double decay) {
  const at::NoGradGuard no_grad;
  const double kept = std::min(1.0 - 1.0 / static_cast<double>(step + 1), decay);
  average.lerp_(weights, 1.0 - kept);
}

Targets::Targets(const TargetConfig& config, std::span<const std::uint64_t> member_seeds)
    : config_(config), rngs_(agents::MemberStreams(member_seeds, "beta_smoothing")) {}

Tensor Targets::Loss(const Tensor& logits, const Tensor& labels, const Tensor& average_logits) {
  const std::int64_t classes = logits.size(2);
  Tensor loss;
  if (config_.label_smoothing > 0.0) {
    const Tensor share = at::scalar_tensor(1.0 - config_.label_smoothing, logits.options());
    loss = TargetLoss(logits, LabelTargets(labels, share, classes));
  } else {
    loss = LabelLoss(logits, labels);
  }
  if (config_.beta_share > 0.0) {
    loss = (1.0 - config_.beta_share) * loss +
           config_.beta_share * BetaLoss(logits, labels, average_logits);
  }
  if (config_.confidence_penalty > 0.0) {
    loss = loss - config_.confidence_penalty * Entropy(logits).mul(labels.ge(0));
  }
  return loss;
}

Tensor Targets::BetaLoss(const Tensor& logits, const Tensor& labels, const Tensor& average_logits) {
  // Samples without a label take no part: they are last in both orders.
  const Tensor unlabelled = labels < 0;
  const Tensor log_confidence =
      LabelLoss(average_logits.detach(), labels).neg().masked_fill(unlabelled, -kInfinity);
  const Tensor draws = DrawBeta(rngs_, labels.size(1), config_.beta_shape)
                           .to(logits.options())
                           .masked_fill(unlabelled, 0.0);
  return TargetLoss(logits,
                    LabelTargets(labels, WithRanksOf(draws, log_confidence), logits.size(2)));
}

void Targets::Save(core::ArchiveWriter& archive, const std::string& name) const {
  agents::SaveStreams(archive, name + ".rng", rngs_);
}

void Targets::Load(const core::ArchiveReader& archive, const std::string& name) {
  agents::LoadStreams(archive, name + ".rng", rngs_);
}

}  // namespace duet::tasks
