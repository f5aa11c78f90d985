#include "agents/crossq.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <vector>

#include "agents/adam.h"
#include "agents/soft_actor.h"
#include "agents/twin_critics.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, CrossQConfig& c) {
  VisitFields(v, static_cast<OffPolicyConfig&>(c));
  v.Field("critic_hidden", c.critic_hidden, {1, 65536},
          "sizes of the hidden layers of the critics; hidden is the actor's");
  v.Field("actor_learning_rate", c.actor_learning_rate, {0.0, 10.0}, "Adam step of the actor");
  v.Field("critic_learning_rate", c.critic_learning_rate, {0.0, 10.0}, "Adam step of the critics");
  v.Field("adam_beta1", c.adam_beta1, {0.0, 0.9999},
          "share of the old in Adam's mean gradient, of the actor and the critics");
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
  v.Section("batch_renorm", c.batch_renorm, "batch renormalisation of the actor and the critics");
}

namespace {

using Critics = TwinCriticsOf<BatchRenormMlp>;

// What one thread updates.
struct Networks {
  BatchRenormMlp actor;
  Adam actor_optimizer;
  Critics critics;
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

class CrossQ : public OffPolicyAgent {
 public:
  CrossQ(const CrossQConfig& config, const AgentSpec& spec)
      : OffPolicyAgent(
            config, spec,
            {"critic_loss", "actor_loss", "q_mean", "ent_coef", "ent_coef_loss", "entropy"}),
        config_(config),
        policy_(config, spec, config.log_std_bounds,
                {SoftActorShape(config, spec), config.batch_renorm, spec.device}),
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

  // min_i Q_i(s, a) by the running statistics.
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

 private:
  // The actor is the policy's.
  static Networks MakeNetworks(const CrossQConfig& config, const AgentSpec& spec,
                               const BatchRenormMlp& actor) {
    const Tensor log_temperature =
        at::full({spec.members(), 1}, std::log(config.initial_temperature),
                 at::TensorOptions().dtype(at::kFloat).device(spec.device));
    return {.actor = actor,
            .actor_optimizer = {{.learning_rate = config.actor_learning_rate,
                                 .beta1 = config.adam_beta1},
                                actor.parameters()},
            .critics = {{TwinShape(spec, config.critic_hidden), config.batch_renorm, spec.device},
                        {.learning_rate = config.critic_learning_rate, .beta1 = config.adam_beta1}},
            .log_temperature = log_temperature,
            .temperature_optimizer = {{.learning_rate = config.temperature_learning_rate},
                                      log_temperature}};
  }

  // Mean squared soft Bellman error, halved, of the first half of a batch whose second half gives
  // the targets. These are constants, but both halves make the batch's mean and variance, and the
  // gradient goes through those.
  void UpdateCritics(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Batch& batch, const Tensor& temperatures) {
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations, shard);
    const auto next = SampleTanhGaussian(
        ReadTanhGaussian(nets.actor.Forward(next_observations), config_.log_std_bounds),
        batch.noise.narrow(2, 0, spec().action_size));
    BatchRenormMlp& critics = nets.critics.network();
    BatchRenormMlp::Tape tape;
    const Tensor both =
        critics.ForwardTraining(TwinInput(at::cat({observations, next_observations}, 1),
                                          at::cat({batch.actions, next.actions}, 1)),
                                tape);                                              // [2m, 2B, 1]
    const std::vector<Tensor> halves = TwinsByMember(both.squeeze(2)).chunk(2, 2);  // [m, 2, B]
    const Tensor next_values = halves[1].amin(1).addcmul_(temperatures, next.log_probs, -1.0);
    const auto fit = FitTwins(halves[0], Targets(batch, next_values), /*loss_factor=*/0.5);
    critics.Backward(tape,
                     at::cat({fit.by_values, at::zeros_like(fit.by_values)}, 2).view_as(both));
    Step(shard, "critic", fit.losses, critics, nets.critics.optimizer());
    critics.UpdateStatistics(tape);
    AddMetric(shard, kCriticLoss, fit.losses);
    AddMetric(shard, kMeanValue, fit.mean_values);
  }

  // By the batch's statistics in the actor and the running ones in the critics. Returns the
  // policy's mean entropy by its draws, [m].
  Tensor UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Tensor& update_noise, const Tensor& temperatures) {
    BatchRenormMlp::Tape tape;
    const auto loss = DifferentiateSoftActor(
        nets.actor.ForwardTraining(observations, tape), config_.log_std_bounds,
        update_noise.narrow(2, spec().action_size, spec().action_size), temperatures, nets.critics,
        observations);
    nets.actor.Backward(tape, loss.by_output);
    Step(shard, "actor", loss.losses, nets.actor, nets.actor_optimizer);
    nets.actor.UpdateStatistics(tape);
    AddMetric(shard, kActorLoss, loss.losses);
    AddMetric(shard, kEntropy, loss.entropies);
    return loss.entropies;
  }

  // Raises the temperature where the entropy is below its target. As in the authors' code, the loss
  // is alpha * (entropy - target) and the step one of log alpha.
  void UpdateTemperature(const Shard& shard, Networks& nets, const Tensor& entropies,
                         const Tensor& temperatures) {
    const double target = config_.target_entropy * static_cast<double>(spec().action_size);
    const Tensor losses = temperatures.squeeze(1) * (entropies - target);  // [m]
    // alpha is its own derivative by log alpha.
    Step(shard, "temperature", losses, nets.log_temperature, losses.unsqueeze(1),
         nets.temperature_optimizer);
    AddMetric(shard, kTemperatureLoss, losses);
  }

  const CrossQConfig config_;
  SoftPolicy<BatchRenormMlp> policy_;
  Networks all_;
  std::vector<Networks> by_shard_;  // views of all_
};

}  // namespace

std::unique_ptr<Agent> MakeCrossQ(const CrossQConfig& config, const AgentSpec& spec) {
  return std::make_unique<CrossQ>(config, spec);
}

}  // namespace duet::agents
