#include "agents/ddpg.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "agents/adam.h"
#include "agents/deterministic_agent.h"
#include "agents/host_loops.h"
#include "agents/mlp.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, DdpgConfig& c) {
  VisitFields(v, static_cast<TargetNetworkConfig&>(c));
  v.Field("actor_learning_rate", c.actor_learning_rate, {0.0, 10.0}, "Adam step of the actor");
  v.Field("critic_learning_rate", c.critic_learning_rate, {0.0, 10.0}, "Adam step of the critic");
  v.Field("critic_l2", c.critic_l2, {0.0, 10.0}, "L2 penalty on the critic, as l2/2 * |w|^2");
  v.Field("final_layer_scale", c.final_layer_scale, {0.0, 10.0},
          "last layers start uniform in +-this; 0: as the other layers");
  v.Section("noise", c.noise, "exploration");
}

namespace {

MlpShape CriticShape(const DdpgConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size + spec.action_size,
          .hidden = config.hidden,
          .output = 1,
          .precision = spec.precision};
}

// What one thread updates.
struct Networks {
  Mlp actor, critic, target_actor, target_critic;
  Adam actor_optimizer, critic_optimizer;

  Networks Slice(const Shard& s) const {
    return {actor.Slice(s.first, s.count),           critic.Slice(s.first, s.count),
            target_actor.Slice(s.first, s.count),    target_critic.Slice(s.first, s.count),
            actor_optimizer.Slice(s.first, s.count), critic_optimizer.Slice(s.first, s.count)};
  }
};

enum MetricIndex : std::size_t { kCriticLoss, kActorLoss, kMeanValue };

class Ddpg : public DeterministicAgent {
 public:
  Ddpg(const DdpgConfig& config, const AgentSpec& spec)
      : DeterministicAgent(config, config.noise, spec, {"critic_loss", "actor_loss", "q_mean"}),
        config_(config),
        all_(MakeNetworks(config, spec, policy_.network)) {
    std::vector<core::Rng> rngs = MemberStreams(spec.member_seeds, "initialization");
    policy_.network.Initialize(rngs, config.final_layer_scale);
    all_.critic.Initialize(rngs, config.final_layer_scale);
    SyncTargets();
    for (const Shard& shard : shards()) by_shard_.push_back(all_.Slice(shard));
  }

  Tensor Value(const Tensor& observations) const override {
    return ActionValue(observations, policy_.Answer(observations).mean);
  }

  Tensor ActionValue(const Tensor& observations, const Tensor& actions) const override {
    const at::NoGradGuard no_grad;
    const Tensor normalized = policy_.normalizer.Normalize(observations);
    return all_.critic.Forward(JoinColumns(normalized, actions)).squeeze(2);
  }

  void SavePolicy(core::ArchiveWriter& archive) const override {
    policy_.network.Save(archive, "actor");
    all_.critic.Save(archive, "critic");
    policy_.normalizer.Save(archive, "normalizer");
  }

  void LoadPolicy(const core::ArchiveReader& archive,
                  std::span<const std::int64_t> members) override {
    const at::NoGradGuard no_grad;
    policy_.network.Load(archive, "actor", members);
    all_.critic.Load(archive, "critic", members);
    policy_.normalizer.Load(archive, "normalizer", members);
    SyncTargets();
  }

 protected:
  void UpdateMembers(const Shard& shard, const Batch& batch) override {
    Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
    const Tensor observations = policy_.normalizer.Normalize(batch.observations, shard);
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations, shard);
    UpdateCritic(shard, nets, observations, batch, next_observations);
    UpdateActor(shard, nets, observations);
    MoveTowards(nets.target_critic.parameters(), nets.critic.parameters(), config_.tau);
    MoveTowards(nets.target_actor.parameters(), nets.actor.parameters(), config_.tau);
  }

  void SaveLearner(core::ArchiveWriter& archive) const override {
    all_.target_actor.Save(archive, "target_actor");
    all_.target_critic.Save(archive, "target_critic");
    all_.actor_optimizer.Save(archive, "actor_optimizer");
    all_.critic_optimizer.Save(archive, "critic_optimizer");
    noise_.Save(archive, "noise");
  }

  void LoadLearner(const core::ArchiveReader& archive) override {
    all_.target_actor.Load(archive, "target_actor");
    all_.target_critic.Load(archive, "target_critic");
    all_.actor_optimizer.Load(archive, "actor_optimizer");
    all_.critic_optimizer.Load(archive, "critic_optimizer");
    noise_.Load(archive, "noise");
  }

 private:
  // The actor is the policy's.
  static Networks MakeNetworks(const DdpgConfig& config, const AgentSpec& spec, const Mlp& actor) {
    const Mlp critic(CriticShape(config, spec), spec.device);
    return {
        .actor = actor,
        .critic = critic,
        .target_actor = {actor.shape(), spec.device},
        .target_critic = {CriticShape(config, spec), spec.device},
        .actor_optimizer = {{.learning_rate = config.actor_learning_rate}, actor.parameters()},
        .critic_optimizer = {{.learning_rate = config.critic_learning_rate, .l2 = config.critic_l2},
                             critic.parameters()}};
  }

  // Mean squared Bellman error (arXiv:1509.02971, Eq. 4-5).
  void UpdateCritic(const Shard& shard, Networks& nets, const Tensor& observations,
                    const Batch& batch, const Tensor& next_observations) {
    const Tensor next_actions = nets.target_actor.Forward(next_observations);
    const Tensor next_values =
        nets.target_critic.Forward(JoinColumns(next_observations, next_actions)).squeeze(2);
    const Tensor targets = Targets(batch, next_values);
    Mlp::Tape tape;
    const Tensor values =
        nets.critic.Forward(JoinColumns(observations, batch.actions), tape).squeeze(2);
    const Tensor errors = values - targets;  // [m, B]
    const Tensor losses = errors.square().mean(1);
    nets.critic.Backward(tape, (errors * (2.0 / static_cast<double>(errors.size(1)))).unsqueeze(2));
    Step(shard, "critic", losses, nets.critic, nets.critic_optimizer);
    AddMetric(shard, kCriticLoss, losses);
    AddMetric(shard, kMeanValue, values.mean(1));
  }

  // Deterministic policy gradient (arXiv:1509.02971, Eq. 6).
  void UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations) {
    Mlp::Tape actor_tape, critic_tape;
    const Tensor actions = nets.actor.Forward(observations, actor_tape);
    const Tensor values = nets.critic.Forward(JoinColumns(observations, actions), critic_tape);
    const Tensor losses = values.squeeze(2).mean(1).neg_();  // [m]
    const Tensor by_value = at::full_like(values, -1.0 / static_cast<double>(values.size(1)));
    const Tensor by_action =
        nets.critic.InputGradient(critic_tape, by_value, observations.size(2), actions.size(2));
    nets.actor.Backward(actor_tape, by_action);
    Step(shard, "actor", losses, nets.actor, nets.actor_optimizer);
    AddMetric(shard, kActorLoss, losses);
  }

  void SyncTargets() {
    all_.target_actor.parameters().copy_(all_.actor.parameters());
    all_.target_critic.parameters().copy_(all_.critic.parameters());
  }

  const DdpgConfig config_;
  Networks all_;
  std::vector<Networks> by_shard_;  // views of all_
};

}  // namespace

std::unique_ptr<Agent> MakeDdpg(const DdpgConfig& config, const AgentSpec& spec) {
  return std::make_unique<Ddpg>(config, spec);
}

}  // namespace duet::agents
