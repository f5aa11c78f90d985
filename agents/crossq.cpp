#include "agents/crossq.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <vector>

#include "agents/soft_agent.h"
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

class CrossQ : public SoftAgent<CrossQConfig, BatchRenormMlp, Critics> {
 public:
  CrossQ(const CrossQConfig& config, const AgentSpec& spec)
      : SoftAgent(config, spec, {SoftActorShape(config, spec), config.batch_renorm, spec.device},
                  {.learning_rate = config.actor_learning_rate, .beta1 = config.adam_beta1},
                  {{TwinShape(spec, config.critic_hidden), config.batch_renorm, spec.device},
                   {.learning_rate = config.critic_learning_rate, .beta1 = config.adam_beta1}}) {}

 private:
  // Mean squared soft Bellman error, halved, of the first half of a batch whose second half gives
  // the targets. These are constants, but both halves make the batch's mean and variance, and the
  // gradient goes through those.
  void UpdateCritics(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Batch& batch, const Tensor& temperatures) override {
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations, shard);
    const auto next = NextActions(nets, next_observations, batch);
    BatchRenormMlp& critics = nets.critics.network();
    BatchRenormMlp::Tape tape;
    const Tensor both =
        critics.ForwardTraining(TwinInput(at::cat({observations, next_observations}, 1),
                                          at::cat({batch.actions, next.actions}, 1)),
                                tape);                    // [2m, 2B, 1]
    const std::vector<Tensor> halves = both.chunk(2, 1);  // [2m, B, 1]
    const Tensor next_values =
        SoftValues(TwinsByMember(halves[1].squeeze(2)).amin(1), temperatures, next.log_probs);
    const auto fit = FitTwins(halves[0], Targets(batch, next_values), /*loss_factor=*/0.5);
    critics.Backward(tape, at::cat({fit.by_values, at::zeros_like(fit.by_values)}, 1));
    Step(shard, "critic", fit.losses, critics, nets.critics.optimizer());
    critics.UpdateStatistics(tape);
    AddMetric(shard, kCriticLoss, fit.losses);
    AddMetric(shard, kMeanValue, fit.mean_values);
  }

  // By the batch's statistics in the actor and the running ones in the critics.
  Tensor UpdateActor(const Shard& shard, Networks& nets, const Tensor& observations,
                     const Tensor& update_noise, const Tensor& temperatures) override {
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
                         const Tensor& temperatures) override {
    const Tensor losses = temperatures.squeeze(1) * (entropies - target_entropy());  // [m]
    // alpha is its own derivative by log alpha.
    nets.temperature_gradient.copy_(losses.unsqueeze(1));
    Step(shard, "temperature", losses, nets.log_temperature, nets.temperature_gradient,
         nets.temperature_optimizer);
    AddMetric(shard, kTemperatureLoss, losses);
  }
};

}  // namespace

std::unique_ptr<Agent> MakeCrossQ(const CrossQConfig& config, const AgentSpec& spec) {
  return std::make_unique<CrossQ>(config, spec);
}

}  // namespace duet::agents
