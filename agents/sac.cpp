#include "agents/sac.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <vector>

#include "agents/adam.h"
#include "agents/mlp.h"
#include "agents/soft_actor.h"
#include "agents/twin_critics.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, SacConfig& c) {
  VisitFields(v, static_cast<TargetNetworkConfig&>(c));
  v.Field("actor_learning_rate", c.actor_learning_rate, {0.0, 10.0}, "Adam step of the actor");
  v.Field("critic_learning_rate", c.critic_learning_rate, {0.0, 10.0}, "Adam step of the critics");
  v.Field("policy_delay", c.policy_delay, {1, 1'000'000},
          "updates of the critics to one of the actor and the temperature");
  v.Field("learn_temperature", c.learn_temperature,
          "learn the weight of the entropy; else it stays at initial_temperature");
  v.Field("initial_temperature", c.initial_temperature, {0.0, 1e6, true},
          "weight of the entropy beside the return");
  v.Field("temperature_learning_rate", c.temperature_learning_rate, {0.0, 10.0},
          "Adam step of the temperature's logarithm");
  v.Field("target_entropy", c.target_entropy, {-100.0, 100.0},
          "entropy that the temperature is to keep, in nats per entry of the action");
  VisitFields(v, c.log_std_bounds);
  VisitFields(v, c.initialization);
}

namespace {

// What one thread updates.
struct Networks {
  Mlp actor;
  Adam actor_optimizer;
  TwinCritics critics;
  Tensor log_temperature;  // [m, 1]
  Adam temperature_optimizer;

  Networks Slice(const Shard& s) const {
    return {actor.Slice(s.first, s.count), actor_optimizer.Slice(s.first, s.count),
            critics.Slice(s), s.Rows(log_temperature),
            temperature_optimizer.Slice(s.first, s.count)};
  }
};

enum MetricIndex : std::size_t {
  kCriticLoss,
  kActorLoss,
  kMeanValue,
  kTemperature,
  kTemperatureLoss,
  kEntropy
};
enum UpdateKind : int { kAll, kCriticsOnly };

class Sac : public OffPolicyAgent {
 public:
  Sac(const SacConfig& config, const AgentSpec& spec)
      : OffPolicyAgent(
            config, spec,
            {"critic_loss", "actor_loss", "q_mean", "ent_coef", "ent_coef_loss", "entropy"}),
        config_(config),
        policy_(config, spec, config.log_std_bounds, {SoftActorShape(config, spec), spec.device}),
        all_(MakeNetworks(config, spec, policy_.network)) {
    std::vector<core::Rng> rngs = MemberStreams(spec.member_seeds, "initialization");
    Initialize(policy_.network, rngs, config.initialization);
    all_.critics.Initialize(rngs, config.initialization);
    for (const Shard& shard : shards()) by_shard_.push_back(all_.Slice(shard));
  }

  void Observe(const Transitions& transitions) override {
    policy_.normalizer.Update(transitions.observations);
    OffPolicyAgent::Observe(transitions);
  }

  void HoldPolicy() override { policy_.Hold(); }
  Policy& policy() override { return policy_; }
  const Policy& policy() const override { return policy_; }

  Tensor Value(const Tensor& observations) const override {
    const at::NoGradGuard no_grad;
    const PolicyOutput answer = policy_.Answer(observations);
    return at::addcmul(ActionValue(observations, answer.mean), all_.log_temperature.exp(),
                       EntropyAtMode(answer));
  }

  // min_i Q_i(s, a).
  Tensor ActionValue(const Tensor& observations, const Tensor& actions) const override {
    const at::NoGradGuard no_grad;
    return all_.critics.Minimum(policy_.normalizer.Normalize(observations), actions);
  }

  // With the temperature, which values depend on.
  void SavePolicy(core::ArchiveWriter& archive) const override {
    policy_.network.Save(archive, "actor");
    all_.critics.SavePolicy(archive);
    policy_.normalizer.Save(archive, "normalizer");
    SaveTensor(archive, "log_temperature", all_.log_temperature);
  }

  void LoadPolicy(const core::ArchiveReader& archive,
                  std::span<const std::int64_t> members) override {
    const at::NoGradGuard no_grad;
    policy_.network.Load(archive, "actor", members);
    all_.critics.LoadPolicy(archive, members);
    policy_.normalizer.Load(archive, "normalizer", members);
    LoadRows(archive, "log_temperature", all_.log_temperature, members);
  }

 protected:
  void Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
              std::span<float> actions) override {
    policy_.Choose(observations, explore, rngs, actions);
  }

  // The temperature that the critics' targets and the actor's loss use is that of the update's
  // start.
  void UpdateMembers(const Shard& shard, const Batch& batch) override {
    Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
    const Tensor temperatures = nets.log_temperature.exp();  // [m, 1]
    const Tensor observations = policy_.normalizer.Normalize(batch.observations, shard);
    UpdateCritics(shard, nets, observations, batch, temperatures);
    nets.critics.MoveTargets();
    AddMetric(shard, kTemperature, temperatures.squeeze(1));
    if (update_kind() == kCriticsOnly) return;
    const Tensor entropies = UpdateActor(shard, nets, observations, batch.noise, temperatures);
    if (config_.learn_temperature) UpdateTemperature(shard, nets, entropies);
  }

  // Of the next actions, then of the actor's.
  std::int64_t noise_size() const override { return 2 * spec().action_size; }
  int update_kind() const override {
    return (num_updates() + 1) % config_.policy_delay == 0 ? kAll : kCriticsOnly;
  }

  void SaveLearner(core::ArchiveWriter& archive) const override {
    all_.actor_optimizer.Save(archive, "actor_optimizer");
    all_.critics.SaveLearner(archive);
    all_.temperature_optimizer.Save(archive, "temperature_optimizer");
  }

  void LoadLearner(const core::ArchiveReader& archive) override {
    all_.actor_optimizer.Load(archive, "actor_optimizer");
    all_.critics.LoadLearner(archive);
    all_.temperature_optimizer.Load(archive, "temperature_optimizer");
  }

 private:
  // The actor is the policy's.
  static Networks MakeNetworks(const SacConfig& config, const AgentSpec& spec, const Mlp& actor) {
    const Tensor log_temperature =
        at::full({spec.members(), 1}, std::log(config.initial_temperature),
                 at::TensorOptions().dtype(at::kFloat).device(spec.device));
    return {.actor = actor,
            .actor_optimizer = {{.learning_rate = config.actor_learning_rate}, actor.parameters()},
            .critics = {config, spec, config.critic_learning_rate},
            .log_temperature = log_temperature,
            .temperature_optimizer = {{.learning_rate = config.temperature_learning_rate},
                                      log_temperature}};
  }

  // Mean squared soft Bellman error, halved (arXiv:1812.05905, Eq. 5), with the smaller of two
  // target critics.
  void UpdateCritics(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Batch& batch, const Tensor& temperatures) {
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations, shard);
    const auto next = SampleTanhGaussian(
        ReadTanhGaussian(nets.actor.Forward(next_observations), config_.log_std_bounds),
        batch.noise.narrow(2, 0, spec().action_size));
    const Tensor next_values = nets.critics.TargetMinimum(next_observations, next.actions)
                                   .addcmul_(temperatures, next.log_probs, -1.0);
    const auto fit = nets.critics.Differentiate(observations, batch.actions,
                                                Targets(batch, next_values), /*loss_factor=*/0.5);
    Step(shard, "critic", fit.losses, nets.critics.network(), nets.critics.optimizer());
    AddMetric(shard, kCriticLoss, fit.losses);
    AddMetric(shard, kMeanValue, fit.mean_values);
  }

  // Returns the policy's mean entropy by its draws, [m].
  Tensor UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Tensor& update_noise, const Tensor& temperatures) {
    Mlp::Tape tape;
    const auto loss =
        DifferentiateSoftActor(nets.actor.Forward(observations, tape), config_.log_std_bounds,
                               update_noise.narrow(2, spec().action_size, spec().action_size),
                               temperatures, nets.critics, observations);
    nets.actor.Backward(tape, loss.by_output);
    Step(shard, "actor", loss.losses, nets.actor, nets.actor_optimizer);
    AddMetric(shard, kActorLoss, loss.losses);
    AddMetric(shard, kEntropy, loss.entropies);
    return loss.entropies;
  }

  // Raises the temperature where the entropy is below its target. As in the authors' code and
  // Stable-Baselines3, the loss is linear in log alpha, where Eq. 18 has alpha.
  void UpdateTemperature(const Shard& shard, Networks& nets, const Tensor& entropies) {
    const double target = config_.target_entropy * static_cast<double>(spec().action_size);
    const Tensor gradients = (entropies - target).unsqueeze(1);  // [m, 1]
    const Tensor losses = (nets.log_temperature * gradients).squeeze(1);
    Step(shard, "temperature", losses, nets.log_temperature, gradients, nets.temperature_optimizer);
    AddMetric(shard, kTemperatureLoss, losses);
  }

  const SacConfig config_;
  SoftPolicy<Mlp> policy_;
  Networks all_;
  std::vector<Networks> by_shard_;  // views of all_
};

}  // namespace

std::unique_ptr<Agent> MakeSac(const SacConfig& config, const AgentSpec& spec) {
  return std::make_unique<Sac>(config, spec);
}

}  // namespace duet::agents
