#include "agents/td3.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

#include "agents/adam.h"
#include "agents/deterministic_agent.h"
#include "agents/host_loops.h"
#include "agents/mlp.h"
#include "agents/twin_critics.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, Td3Config& c) {
  VisitFields(v, static_cast<TargetNetworkConfig&>(c));
  v.Field("actor_learning_rate", c.actor_learning_rate, {0.0, 10.0}, "Adam step of the actor");
  v.Field("critic_learning_rate", c.critic_learning_rate, {0.0, 10.0}, "Adam step of the critics");
  v.Field("policy_delay", c.policy_delay, {1, 1'000'000},
          "updates of the critics to one of the actor and all targets");
  v.Field("target_noise", c.target_noise, {0.0, 10.0},
          "standard deviation of the target policy's noise, in half action ranges");
  v.Field("noise_clip", c.noise_clip, {0.0, 10.0}, "bound of the target policy's noise");
  VisitFields(v, c.initialization);
  v.Section("noise", c.noise, "exploration");
}

namespace {

// What one thread updates.
struct Networks {
  Mlp actor, target_actor;
  Adam actor_optimizer;
  TwinCritics critics;

  Networks Slice(const Shard& s) const {
    return {actor.Slice(s.first, s.count), target_actor.Slice(s.first, s.count),
            actor_optimizer.Slice(s.first, s.count), critics.Slice(s)};
  }
};

enum MetricIndex : std::size_t { kCriticLoss, kActorLoss, kMeanValue };
enum UpdateKind : int { kAll, kCriticsOnly };

class Td3 : public DeterministicAgent {
 public:
  Td3(const Td3Config& config, const AgentSpec& spec)
      : DeterministicAgent(config, config.noise, spec, {"critic_loss", "actor_loss", "q_mean"}),
        config_(config),
        all_(MakeNetworks(config, spec, policy_.network)) {
    std::vector<core::Rng> rngs = MemberStreams(spec.member_seeds, "initialization");
    Initialize(policy_.network, rngs, config.initialization);
    all_.critics.Initialize(rngs, config.initialization);
    SyncTargetActor();
    for (const Shard& shard : shards()) by_shard_.push_back(all_.Slice(shard));
  }

  // min_i Q_i(s, pi(s)).
  Tensor Value(const Tensor& observations) const override {
    return ActionValue(observations, policy_.Answer(observations).mean);
  }

  // min_i Q_i(s, a).
  Tensor ActionValue(const Tensor& observations, const Tensor& actions) const override {
    const at::NoGradGuard no_grad;
    return all_.critics.Minimum(policy_.normalizer.Normalize(observations), actions);
  }

  void SavePolicy(core::ArchiveWriter& archive) const override {
    policy_.network.Save(archive, "actor");
    all_.critics.SavePolicy(archive);
    policy_.normalizer.Save(archive, "normalizer");
  }

  void LoadPolicy(const core::ArchiveReader& archive,
                  std::span<const std::int64_t> members) override {
    const at::NoGradGuard no_grad;
    policy_.network.Load(archive, "actor", members);
    all_.critics.LoadPolicy(archive, members);
    policy_.normalizer.Load(archive, "normalizer", members);
    SyncTargetActor();
  }

 protected:
  void UpdateMembers(const Shard& shard, const Batch& batch) override {
    Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
    const Tensor observations = policy_.normalizer.Normalize(batch.observations, shard);
    UpdateCritics(shard, nets, observations, batch);
    if (update_kind() == kCriticsOnly) return;
    UpdateActor(shard, nets, observations);
    nets.critics.MoveTargets();
    MoveTowards(nets.target_actor.parameters(), nets.actor.parameters(), config_.tau);
  }

  std::int64_t noise_size() const override { return spec().action_size; }
  int update_kind() const override {
    return (num_updates() + 1) % config_.policy_delay == 0 ? kAll : kCriticsOnly;
  }

  void SaveLearner(core::ArchiveWriter& archive) const override {
    all_.target_actor.Save(archive, "target_actor");
    all_.actor_optimizer.Save(archive, "actor_optimizer");
    all_.critics.SaveLearner(archive);
    noise_.Save(archive, "noise");
  }

  void LoadLearner(const core::ArchiveReader& archive) override {
    all_.target_actor.Load(archive, "target_actor");
    all_.actor_optimizer.Load(archive, "actor_optimizer");
    all_.critics.LoadLearner(archive);
    noise_.Load(archive, "noise");
  }

 private:
  // The actor is the policy's.
  static Networks MakeNetworks(const Td3Config& config, const AgentSpec& spec, const Mlp& actor) {
    return {.actor = actor,
            .target_actor = {actor.shape(), spec.device},
            .actor_optimizer = {{.learning_rate = config.actor_learning_rate}, actor.parameters()},
            .critics = {config, spec, config.critic_learning_rate}};
  }

  // Target policy smoothing: clip(pi'(s') + clip(noise)), section 5.3.
  Tensor SmoothedTargetActions(const Networks& nets, const Tensor& next_observations,
                               const Tensor& noise) const {
    Tensor actions = nets.target_actor.Forward(next_observations);
    if (OnHost(actions)) {
      const HostNumbers draw(noise);
      const auto std = static_cast<float>(config_.target_noise);
      const auto bound = static_cast<float>(config_.noise_clip);
      float* action = actions.mutable_data_ptr<float>();
      for (std::int64_t m = 0; m < actions.size(0); ++m) {
        for (std::int64_t b = 0; b < actions.size(1); ++b) {
          for (std::int64_t i = 0; i < actions.size(2); ++i, ++action) {
            const float shift = std::clamp(draw(m, b, i) * std, -bound, bound);
            *action = std::clamp(*action + shift, -1.0F, 1.0F);
          }
        }
      }
      return actions;
    }
    return (noise * config_.target_noise)
        .clamp_(-config_.noise_clip, config_.noise_clip)
        .add_(actions)
        .clamp_(-1.0, 1.0);
  }

  // Both critics towards one target, from the smaller of the two next values (Algorithm 1).
  void UpdateCritics(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Batch& batch) {
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations, shard);
    const Tensor next_values = nets.critics.TargetMinimum(
        next_observations, SmoothedTargetActions(nets, next_observations, batch.noise));
    const auto fit = nets.critics.Differentiate(observations, batch.actions,
                                                Targets(batch, next_values), /*loss_factor=*/1.0);
    Step(shard, "critic", fit.losses, nets.critics.network(), nets.critics.optimizer());
    AddMetric(shard, kCriticLoss, fit.losses);
    AddMetric(shard, kMeanValue, fit.mean_values);
  }

  // Deterministic policy gradient through the first critic (Algorithm 1).
  void UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations) {
    Mlp::Tape tape;
    const Tensor actions = nets.actor.Forward(observations, tape);
    const auto [values, by_action] = nets.critics.FirstByAction(observations, actions);
    const Tensor losses = ScaledBatchMeans(values, -1.0);  // [m]
    nets.actor.Backward(tape, Scaled(by_action, -1.0 / static_cast<double>(values.size(1))));
    Step(shard, "actor", losses, nets.actor, nets.actor_optimizer);
    AddMetric(shard, kActorLoss, losses);
  }

  void SyncTargetActor() { all_.target_actor.parameters().copy_(all_.actor.parameters()); }

  const Td3Config config_;
  Networks all_;
  std::vector<Networks> by_shard_;  // views of all_
};

}  // namespace

std::unique_ptr<Agent> MakeTd3(const Td3Config& config, const AgentSpec& spec) {
  return std::make_unique<Td3>(config, spec);
}

}  // namespace duet::agents
