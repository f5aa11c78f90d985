// Two critics for every member, of which the smaller value counts.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agents/adam.h"
#include "agents/initialization.h"
#include "agents/mlp.h"
#include "agents/off_policy.h"

namespace duet::agents {

// Clipped double Q-learning (arXiv:1802.09477, section 4.2): two critics with their targets and
// optimizer. The critics of member m are rows 2m and 2m + 1 of one stack. Observations are
// normalised, [m, B, O]; actions are [m, B, A].
class TwinCritics {
 public:
  TwinCritics(const TargetNetworkConfig& config, const AgentSpec& spec, double learning_rate);

  // Draws the critics; the targets are made equal to them.
  void Initialize(std::span<core::Rng> rngs, const InitializationConfig& config);
  void SyncTargets();

  // The critics of a shard's members, sharing everything.
  TwinCritics Slice(const Shard& shard) const;

  // The smaller of the two values, of the critics and of their targets: [m, B].
  Tensor Minimum(const Tensor& observations, const Tensor& actions) const;
  Tensor TargetMinimum(const Tensor& observations, const Tensor& actions) const;

  // A value, [m, B], with the gradient of each by its action, [m, B, A].
  struct Gradient {
    Tensor value;
    Tensor by_action;
  };
  // Of the first critic alone.
  Gradient FirstByAction(const Tensor& observations, const Tensor& actions) const;
  // Of whichever critic is the smaller one at a sample.
  Gradient MinimumByAction(const Tensor& observations, const Tensor& actions) const;

  // Overwrites the gradients of both by those of loss_factor * sum_i mean (Q_i - target)^2, with
  // targets [m, B].
  struct Fit {
    Tensor losses;       // [m]
    Tensor mean_values;  // [m] over the batch and both critics
  };
  Fit Differentiate(const Tensor& observations, const Tensor& actions, const Tensor& targets,
                    double loss_factor);
  // What an optimizer step needs.
  Mlp& network() { return critics_; }
  Adam& optimizer() { return optimizer_; }

  // Moves the targets by tau towards the critics.
  void MoveTargets();

  // The critics: "critic".
  void SavePolicy(core::ArchiveWriter& archive) const;
  void LoadPolicy(const core::ArchiveReader& archive, std::span<const std::int64_t> members);
  // What learning needs beside: "target_critic", "critic_optimizer".
  void SaveLearner(core::ArchiveWriter& archive) const;
  void LoadLearner(const core::ArchiveReader& archive);

 private:
  TwinCritics(const TwinCritics& all, const Shard& shard);

  double tau_;
  Mlp critics_, targets_;  // [2m]
  Mlp first_;              // [m] rows 0, 2, … of critics_
  Adam optimizer_;
};

}  // namespace duet::agents
