// What agents that learn from replay share.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agents/adam.h"
#include "agents/agent.h"
#include "agents/device_noise.h"
#include "agents/host_loops.h"
#include "agents/members.h"
#include "agents/update_graph.h"
#include "core/fields.h"

namespace duet::agents {

struct OffPolicyConfig {
  double gamma = 0.99;                            // discount per step
  std::int64_t n_step = 1;                        // rewards in a return before it bootstraps
  std::int64_t batch_size = 256;                  // transitions per member and update
  std::int64_t replay_capacity = 1'000'000;       // transitions per member
  std::vector<std::int64_t> hidden = {256, 256};  // ReLU layers of every network
  double max_gradient_norm = 0.0;                 // per member and network; 0: no clipping
  double reward_scale = 1.0;                      // rewards are multiplied by this
  bool normalize_observations = false;            // running mean and variance per member
  double observation_clip = 5.0;                  // bound of normalised observations
};
void VisitFields(core::FieldVisitor& v, OffPolicyConfig& c);

// The same of agents whose targets come from slow copies of their networks.
struct TargetNetworkConfig : OffPolicyConfig {
  double tau = 0.005;  // share of the online nets in each target update
};
void VisitFields(core::FieldVisitor& v, TargetNetworkConfig& c);

// Replay, random streams, metrics, threads over members. What is left to an agent is its networks,
// its way to act, and one gradient step.
class OffPolicyAgent : public Agent {
 public:
  const AgentSpec& spec() const override { return spec_; }
  void Act(std::span<const float> observations, ActMode mode, std::span<float> actions) final;
  void Observe(const Transitions& transitions) override;
  void Update() final;
  void UpdateOn(const Batch& batch) final;
  std::vector<std::string> metric_names() const final { return metric_names_; }
  Metrics TakeMetrics() final;
  ReplayBuffer& replay() final { return replay_; }
  const ReplayBuffer& replay() const final { return replay_; }
  void Save(core::ArchiveWriter& archive) const final;
  void Load(const core::ArchiveReader& archive) final;

 protected:
  // `metric_names` are what AddMetric counts.
  OffPolicyAgent(const OffPolicyConfig& config, const AgentSpec& spec,
                 std::vector<std::string> metric_names);

  // Writes actions [M, E, A] for raw observations [M, E, O] on the learner's device; `rngs` are the
  // members' exploration streams, moved only where `explore`.
  virtual void Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
                      std::span<float> actions) = 0;
  // One gradient step of the members of a shard, on the batch of these members. Called by several
  // threads at once, each for another shard. A GPU records it (UpdateGraph): numbers that change
  // from one update to the next must come in tensors, and nothing may read the device.
  virtual void UpdateMembers(const Shard& shard, const Batch& batch) = 0;
  // Updates of another kind do another sequence of operations, such as those that leave the actor.
  virtual int update_kind() const { return 0; }
  // N, how many normal draws per transition an update needs, in Batch::noise.
  virtual std::int64_t noise_size() const { return 0; }
  // What Save and Load hold beyond the policy, the replay, the streams and the metrics: targets,
  // optimizers, exploration.
  virtual void SaveLearner(core::ArchiveWriter& archive) const = 0;
  virtual void LoadLearner(const core::ArchiveReader& archive) = 0;

  std::span<const Shard> shards() const { return shards_; }
  // Gradient steps that every member has taken before the present one.
  std::int64_t num_updates() const { return num_updates_; }
  // A random stream per member of the shard for noise in updates.
  std::span<core::Rng> update_rngs(const Shard& shard);
  // Takes the optimizer's step against the network's gradients, clipped as set, unless these or
  // the losses, [m], are not finite: then nothing changes and NonFiniteError names the quantity,
  // at once, or where updates are recorded when metrics are taken.
  template <typename Network>
  void Step(const Shard& shard, std::string_view name, const Tensor& losses, Network& network,
            Adam& optimizer) {
    const Tensor skip = CheckStep(shard, name, losses, network.gradients());
    if (config_.max_gradient_norm > 0.0) network.ClipGradients(config_.max_gradient_norm);
    optimizer.Step(network.parameters(), network.gradients(), 1.0, {}, skip);
  }
  // The same for parameters that are no network's, [m, P], without clipping.
  void Step(const Shard& shard, std::string_view name, const Tensor& losses, Tensor& parameters,
            const Tensor& gradients, Adam& optimizer);
  // r + gamma^n (1 - terminated) next value, with n rewards in r: [m, B].
  Tensor Targets(const Batch& batch, const Tensor& next_values) const;
  // Counts a quantity of this update, [m], as the metric number `index` of metric_names.
  void AddMetric(const Shard& shard, std::size_t index, const Tensor& values);

 private:
  // What changes from one update to the next, always in the same tensors of the device.
  struct Inputs {
    BatchIndices indices;
    Tensor noise;  // [m, B, N]
  };

  void UpdateShard(const Shard& shard, const Batch& batch);
  void CountPendingMetrics(const Shard& shard);
  DeviceNoise& device_noise();
  SampleOptions sample_options(const Shard& shard) const;
  void DrawInputs(const Shard& shard, Inputs& inputs);
  void DrawNoise(const Shard& shard, const Tensor& noise);
  // Throws where a step would not be finite; on a device that must not be read, counts it and
  // returns what skips it.
  Tensor CheckStep(const Shard& shard, std::string_view name, const Tensor& losses,
                   const Tensor& gradients);
  void ThrowIfSkipped();
  void ClearMetrics();

  const OffPolicyConfig config_;
  const AgentSpec spec_;
  const std::vector<std::string> metric_names_;
  const std::vector<Shard> shards_;
  ReplayBuffer replay_;
  std::vector<core::Rng> exploration_rngs_;  // [M]
  std::vector<core::Rng> replay_rngs_;       // [M]
  std::vector<core::Rng> update_rngs_;       // [M]
  std::vector<Inputs> inputs_;               // of each shard
  std::vector<Scratch> scratch_;             // of each thread, for one shard after the other
  Scratch acting_scratch_;
  std::vector<UpdateGraph> graphs_;  // of each shard
  bool recorded_ = false;            // updates are, so that they must read nothing back
  std::int64_t num_updates_ = 0;
  // Of each shard, where updates are recorded: metrics of the update under way, by name or
  // undefined. They are counted all at once at its end, since on a GPU every operation is a launch.
  std::vector<std::vector<Tensor>> pending_metrics_;
  std::optional<DeviceNoise> device_noise_;  // where a GPU learns from noise
  Tensor zeros_, ones_;                      // [M]
  Tensor num_skipped_;    // [1] steps that a GPU did not take, for want of finite numbers
  Tensor metric_sums_;    // [metrics, M]
  Tensor metric_counts_;  // [metrics, M]
};

// Throws NonFiniteError naming the quantity and the member where a loss, [m], or a gradient,
// [m, P] or several rows per member, is not finite. Reads the device once where all is well.
void CheckFinite(const Tensor& losses, const Tensor& gradients, std::string_view name,
                 const Shard& shard);

// Uniform actions: in [-1, 1], or indices below num_actions where it is positive. Each member draws
// from its own stream.
void DrawRandomActions(std::span<core::Rng> rngs, std::int64_t num_actions,
                       std::span<float> actions);

}  // namespace duet::agents
