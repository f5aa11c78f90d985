#include "agents/sac.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "agents/host_loops.h"
#include "agents/mlp.h"
#include "agents/soft_agent.h"
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

class Sac : public SoftAgent<SacConfig, Mlp, TwinCritics> {
 public:
  Sac(const SacConfig& config, const AgentSpec& spec)
      : SoftAgent(config, spec, {SoftActorShape(config, spec), spec.device},
                  {.learning_rate = config.actor_learning_rate},
                  {config, spec, config.critic_learning_rate}) {}

 private:
  // Mean squared soft Bellman error, halved (arXiv:1812.05905, Eq. 5), with the smaller of two
  // target critics.
  void UpdateCritics(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Batch& batch, const Tensor& temperatures) override {
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations, shard);
    const auto next = NextActions(nets, next_observations, batch);
    const Tensor next_values = SoftValues(
        nets.critics.TargetMinimum(next_observations, next.actions), temperatures, next.log_probs);
    const auto fit = nets.critics.Differentiate(observations, batch.actions,
                                                Targets(batch, next_values), /*loss_factor=*/0.5);
    Step(shard, "critic", fit.losses, nets.critics.network(), nets.critics.optimizer());
    AddMetric(shard, kCriticLoss, fit.losses);
    nets.critics.MoveTargets();
    AddMetric(shard, kMeanValue, fit.mean_values);
  }

  Tensor UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Tensor& update_noise, const Tensor& temperatures) override {
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
  void UpdateTemperature(const Shard& shard, Networks& nets, const Tensor& entropies,
                         const Tensor& /*temperatures*/) override {
    const Tensor losses = TemperatureLosses(nets, entropies);
    Step(shard, "temperature", losses, nets.log_temperature, nets.temperature_gradient,
         nets.temperature_optimizer);
    AddMetric(shard, kTemperatureLoss, losses);
  }

  // [m], with their gradients by log alpha in `nets`.
  Tensor TemperatureLosses(Networks& nets, const Tensor& entropies) const {
    if (!OnHost(nets.log_temperature)) {
      nets.temperature_gradient.copy_((entropies - target_entropy()).unsqueeze(1));
      return (nets.log_temperature * nets.temperature_gradient).squeeze(1);
    }
    Tensor losses = EmptyLike(entropies, entropies.sizes());
    const HostNumbers loss(losses), entropy(entropies), log_temperature(nets.log_temperature);
    const HostNumbers gradient(nets.temperature_gradient);
    const auto target = static_cast<float>(target_entropy());
    for (std::int64_t m = 0; m < entropies.size(0); ++m) {
      gradient(m) = entropy(m) - target;
      loss(m) = log_temperature(m) * gradient(m);
    }
    return losses;
  }
};

}  // namespace

std::unique_ptr<Agent> MakeSac(const SacConfig& config, const AgentSpec& spec) {
  return std::make_unique<Sac>(config, spec);
}

}  // namespace duet::agents
