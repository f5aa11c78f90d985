// Two critics for every member, of which the smaller value counts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agents/adam.h"
#include "agents/batch_renorm_mlp.h"
#include "agents/initialization.h"
#include "agents/mlp.h"
#include "agents/off_policy.h"

namespace duet::agents {

// The critics of member m are rows 2m and 2m + 1 of one stack, from observation and action to one
// number.
MlpShape TwinShape(const AgentSpec& spec, const std::vector<std::int64_t>& hidden);
// The same input for both critics of each member, [m, B, O] and [m, B, A] -> [2m, B, O + A].
Tensor TwinInput(const Tensor& observations, const Tensor& actions);
// Rows of the stack by member: [2m, …] -> [m, 2, …].
Tensor TwinsByMember(const Tensor& stack);

// Clipped double Q-learning (arXiv:1802.09477, section 4.2): two critics with their optimizer.
// Networks act as in evaluation. Observations are normalised, [m, B, O]; actions are [m, B, A].
template <typename Network>
class TwinCriticsOf {
 public:
  // `critics` is a stack of TwinShape.
  TwinCriticsOf(Network critics, const AdamConfig& adam);

  void Initialize(std::span<core::Rng> rngs, const InitializationConfig& config);

  // The critics of a shard's members, sharing everything.
  TwinCriticsOf Slice(const Shard& shard) const;

  // The smaller of the two values: [m, B].
  Tensor Minimum(const Tensor& observations, const Tensor& actions) const;

  // A value, [m, B], with the gradient of each by its action, [m, B, A].
  struct Gradient {
    Tensor value;
    Tensor by_action;
  };
  // Of whichever critic is the smaller one at a sample.
  Gradient MinimumByAction(const Tensor& observations, const Tensor& actions) const;

  // What an optimizer step needs.
  Network& network() { return critics_; }
  const Network& network() const { return critics_; }
  Adam& optimizer() { return optimizer_; }

  // The critics: "critic".
  void SavePolicy(core::ArchiveWriter& archive) const;
  void LoadPolicy(const core::ArchiveReader& archive, std::span<const std::int64_t> members);
  // What learning needs beside: "critic_optimizer".
  void SaveLearner(core::ArchiveWriter& archive) const;
  void LoadLearner(const core::ArchiveReader& archive);

 private:
  TwinCriticsOf(Network critics, Adam optimizer);

  Network critics_;  // [2m]
  Adam optimizer_;
};

extern template class TwinCriticsOf<Mlp>;
extern template class TwinCriticsOf<BatchRenormMlp>;

// loss_factor * sum_i mean (Q_i - target)^2 of the values of both critics, [2m, B, 1], and targets
// [m, B].
struct TwinFit {
  Tensor losses;       // [m]
  Tensor mean_values;  // [m] over the batch and both critics
  Tensor by_values;    // [2m, B, 1] gradient of the losses
};
TwinFit FitTwins(const Tensor& values, const Tensor& targets, double loss_factor);

// Plain critics with slow copies for targets.
class TwinCritics : public TwinCriticsOf<Mlp> {
 public:
  TwinCritics(const TargetNetworkConfig& config, const AgentSpec& spec, double learning_rate);

  // Draws the critics; the targets are made equal to them.
  void Initialize(std::span<core::Rng> rngs, const InitializationConfig& config);
  void SyncTargets();

  TwinCritics Slice(const Shard& shard) const;

  // The smaller of the two targets' values: [m, B].
  Tensor TargetMinimum(const Tensor& observations, const Tensor& actions) const;
  // Of the first critic alone.
  Gradient FirstByAction(const Tensor& observations, const Tensor& actions) const;

  // Overwrites the gradients of both by those of FitTwins.
  TwinFit Differentiate(const Tensor& observations, const Tensor& actions, const Tensor& targets,
                        double loss_factor);

  // Moves the targets by tau towards the critics.
  void MoveTargets();

  // The targets are made equal to the critics.
  void LoadPolicy(const core::ArchiveReader& archive, std::span<const std::int64_t> members);
  // With "target_critic".
  void SaveLearner(core::ArchiveWriter& archive) const;
  void LoadLearner(const core::ArchiveReader& archive);

 private:
  TwinCritics(const TwinCritics& all, const Shard& shard);

  double tau_;
  Mlp targets_;  // [2m]
  Mlp first_;    // [m] rows 0, 2, … of the critics
};

}  // namespace duet::agents
