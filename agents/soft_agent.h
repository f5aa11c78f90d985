// What agents of soft actor-critic share: everything but how each of their three parts learns.
#pragma once

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "agents/adam.h"
#include "agents/host_loops.h"
#include "agents/initialization.h"
#include "agents/off_policy.h"
#include "agents/soft_actor.h"

namespace duet::agents {

// An actor of `Network` with `Critics` and a temperature for each member; `Config` has SacConfig's
// settings of the actor, the temperature and the initialization.
template <typename Config, typename Network, typename Critics>
class SoftAgent : public OffPolicyAgent {
 public:
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

  // min_i Q_i(s, a), as in evaluation.
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
  // What one thread updates.
  struct Networks {
    Network actor;  // the policy's
    Adam actor_optimizer;
    Critics critics;
    Tensor log_temperature;       // [m, 1]
    Tensor temperature_gradient;  // [m, 1] of a loss by it
    Adam temperature_optimizer;

    Networks Slice(const Shard& s) const {
      return {actor.Slice(s.first, s.count),
              actor_optimizer.Slice(s.first, s.count),
              critics.Slice(s),
              s.Rows(log_temperature),
              s.Rows(temperature_gradient),
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

  // Draws the networks.
  SoftAgent(const Config& config, const AgentSpec& spec, Network actor,
            const AdamConfig& actor_adam, Critics critics)
      : OffPolicyAgent(
            config, spec,
            {"critic_loss", "actor_loss", "q_mean", "ent_coef", "ent_coef_loss", "entropy"}),
        config_(config),
        policy_(config, spec, config.log_std_bounds, std::move(actor)),
        all_(MakeNetworks(config, spec, policy_.network, actor_adam, std::move(critics))) {
    std::vector<core::Rng> rngs = MemberStreams(spec.member_seeds, "initialization");
    Initialize(policy_.network, rngs, config.initialization);
    all_.critics.Initialize(rngs, config.initialization);
    for (const Shard& shard : shards()) by_shard_.push_back(all_.Slice(shard));
  }

  // One step each. Observations are normalised, [m, B, O]; `temperatures` are those of the update's
  // start, [m, 1]. UpdateActor returns the policy's mean entropy by its draws, [m], to which
  // UpdateTemperature answers.
  virtual void UpdateCritics(const Shard& shard, Networks& nets, const Tensor& observations,
                             const Batch& batch, const Tensor& temperatures) = 0;
  virtual Tensor UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations,
                             const Tensor& update_noise, const Tensor& temperatures) = 0;
  virtual void UpdateTemperature(const Shard& shard, Networks& nets, const Tensor& entropies,
                                 const Tensor& temperatures) = 0;

  void Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
              std::span<float> actions) override {
    policy_.Choose(observations, explore, rngs, actions);
  }

  void UpdateMembers(const Shard& shard, const Batch& batch) override {
    Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
    const Tensor temperatures = Exp(nets.log_temperature);  // [m, 1]
    const Tensor observations = policy_.normalizer.Normalize(batch.observations, shard);
    UpdateCritics(shard, nets, observations, batch, temperatures);
    AddMetric(shard, kTemperature, temperatures.squeeze(1));
    if (update_kind() == kCriticsOnly) return;
    const Tensor entropies = UpdateActor(shard, nets, observations, batch.noise, temperatures);
    if (config_.learn_temperature) UpdateTemperature(shard, nets, entropies, temperatures);
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

  // Draws of the policy at the next observations of a batch.
  auto NextActions(const Networks& nets, const Tensor& next_observations,
                   const Batch& batch) const {
    return SampleTanhGaussian(
        ReadTanhGaussian(nets.actor.Forward(next_observations), config_.log_std_bounds),
        batch.noise.narrow(2, 0, spec().action_size));
  }

  double target_entropy() const {
    return config_.target_entropy * static_cast<double>(spec().action_size);
  }

  const Config config_;
  SoftPolicy<Network> policy_;

 private:
  static Networks MakeNetworks(const Config& config, const AgentSpec& spec, const Network& actor,
                               const AdamConfig& actor_adam, Critics critics) {
    const Tensor log_temperature =
        at::full({spec.members(), 1}, std::log(config.initial_temperature),
                 at::TensorOptions().dtype(at::kFloat).device(spec.device));
    return {.actor = actor,
            .actor_optimizer = {actor_adam, actor.parameters()},
            .critics = std::move(critics),
            .log_temperature = log_temperature,
            .temperature_gradient = at::zeros_like(log_temperature),
            .temperature_optimizer = {{.learning_rate = config.temperature_learning_rate},
                                      log_temperature}};
  }

  Networks all_;
  std::vector<Networks> by_shard_;  // views of all_
};

}  // namespace duet::agents
