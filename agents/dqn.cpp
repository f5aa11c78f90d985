#include "agents/dqn.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "agents/adam.h"
#include "agents/host_loops.h"
#include "agents/mlp.h"
#include "agents/network_policy.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, DqnConfig& c) {
  VisitFields(v, static_cast<TargetNetworkConfig&>(c));
  v.Field("learning_rate", c.learning_rate, {0.0, 10.0}, "Adam step");
  v.Field("double_q", c.double_q, "the online network chooses the action that the target values");
  v.Field("dueling", c.dueling, "the last layer gives a value and advantages");
  v.Field("huber_delta", c.huber_delta, {0.0, 1e9},
          "errors beyond count linearly; 0: all are squared");
  v.Field("target_update_interval", c.target_update_interval, {1, 1'000'000'000},
          "gradient steps between target updates");
  v.Field("initial_epsilon", c.initial_epsilon, {0.0, 1.0}, "share of random actions at first");
  v.Field("final_epsilon", c.final_epsilon, {0.0, 1.0}, "the same in the end");
  v.Field("exploration_fraction", c.exploration_fraction, {0.0, 1.0, true},
          "share of training in which it goes from one to the other");
  v.Field("temperature", c.temperature, {0.0, 1e9, true},
          "of the softmax over Q that distillation sees");
}

namespace {

// Q(s, a) of every action, [M, B, C], from what the network gave. Autograd can go through it.
Tensor ActionValues(const Tensor& output, bool dueling) {
  if (!dueling) return output;
  const Tensor advantages = output.narrow(2, 1, output.size(2) - 1);
  return output.narrow(2, 0, 1) + advantages - advantages.mean(2, /*keepdim=*/true);
}

// The gradient by the network's output, given the one by ActionValues.
Tensor ThroughActionValues(const Tensor& gradient, bool dueling) {
  if (!dueling) return gradient;
  const Tensor by_value = gradient.sum(2, /*keepdim=*/true);
  return at::cat({by_value, gradient - by_value / static_cast<double>(gradient.size(2))}, 2);
}

// The entries of [M, B, C] at the indices [M, B, 1]: [M, B].
Tensor At(const Tensor& values, const Tensor& indices) {
  return values.gather(2, indices).squeeze(2);
}

MlpShape NetworkShape(const DqnConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size,
          .hidden = config.hidden,
          .output = spec.num_actions + (config.dueling ? 1 : 0),
          .precision = spec.precision};
}

// Answers with softmax(Q / temperature).
class ValuePolicy : public NetworkPolicy {
 public:
  ValuePolicy(const DqnConfig& config, const AgentSpec& spec)
      : NetworkPolicy({spec.members(), spec.observation_size, config.normalize_observations,
                       config.observation_clip, spec.device},
                      {NetworkShape(config, spec), spec.device}),
        dueling_(config.dueling),
        temperature_(config.temperature) {}

  PolicyOutput Interpret(const Tensor& output, const Tensor& /*free_parameters*/) const override {
    const Tensor values = ActionValues(output, dueling_);
    return {.mean = values.detach().argmax(2, /*keepdim=*/true).to(at::kFloat),
            .log_std = {},
            .logits = values / temperature_};
  }

  // Q(s, a) of every action at raw observations: [M, B, O] -> [M, B, C]; no gradient.
  Tensor Values(const Tensor& observations) const {
    const at::NoGradGuard no_grad;
    return ActionValues(network.Forward(normalizer.Normalize(observations)), dueling_);
  }

 private:
  bool dueling_;
  double temperature_;
};

// What one thread updates.
struct Networks {
  Mlp online, target;
  Adam optimizer;

  Networks Slice(const Shard& s) const {
    return {online.Slice(s.first, s.count), target.Slice(s.first, s.count),
            optimizer.Slice(s.first, s.count)};
  }
};

enum MetricIndex : std::size_t { kLoss, kMeanValue, kExplorationRate };

class Dqn : public OffPolicyAgent {
 public:
  Dqn(const DqnConfig& config, const AgentSpec& spec)
      : OffPolicyAgent(config, spec, {"loss", "q_mean", "exploration_rate"}),
        config_(config),
        policy_(config, spec),
        all_{.online = policy_.network,
             .target = {NetworkShape(config, spec), spec.device},
             .optimizer = {{.learning_rate = config.learning_rate}, policy_.network.parameters()}},
        epsilon_(config.initial_epsilon),
        exploration_rate_(at::full({1}, epsilon_, policy_.network.parameters().options())) {
    std::vector<core::Rng> rngs = MemberStreams(spec.member_seeds, "initialization");
    policy_.network.Initialize(rngs, /*final_layer_scale=*/0.0);
    SyncTarget();
    for (const Shard& shard : shards()) by_shard_.push_back(all_.Slice(shard));
  }

  void SetProgress(double progress) override {
    const double share = std::min(progress / config_.exploration_fraction, 1.0);
    const double epsilon =
        config_.initial_epsilon + share * (config_.final_epsilon - config_.initial_epsilon);
    if (epsilon == epsilon_) return;
    epsilon_ = epsilon;
    exploration_rate_.fill_(epsilon);
  }

  void Observe(const Transitions& transitions) override {
    policy_.normalizer.Update(transitions.observations);
    OffPolicyAgent::Observe(transitions);
  }

  void HoldPolicy() override { policy_.Hold(); }
  Policy& policy() override { return policy_; }
  const Policy& policy() const override { return policy_; }

  // max_a Q(s, a)
  Tensor Value(const Tensor& observations) const override {
    return policy_.Values(observations).amax(2) / config_.reward_scale;
  }

  Tensor ActionValue(const Tensor& observations, const Tensor& actions) const override {
    return At(policy_.Values(observations), actions.to(at::kLong)) / config_.reward_scale;
  }

  void SavePolicy(core::ArchiveWriter& archive) const override {
    policy_.network.Save(archive, "q");
    policy_.normalizer.Save(archive, "normalizer");
  }

  void LoadPolicy(const core::ArchiveReader& archive,
                  std::span<const std::int64_t> members) override {
    const at::NoGradGuard no_grad;
    policy_.network.Load(archive, "q", members);
    policy_.normalizer.Load(archive, "normalizer", members);
    SyncTarget();
  }

 protected:
  // The best action, or with probability epsilon any.
  void Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
              std::span<float> actions) override {
    const PolicyOutput answer = policy_.ActingAnswer(observations, explore);
    const Tensor best = answer.mean.cpu().contiguous();
    std::copy_n(best.const_data_ptr<float>(), actions.size(), actions.data());
    if (!explore) return;
    const std::size_t envs = actions.size() / rngs.size();
    for (std::size_t i = 0; i < actions.size(); ++i) {
      core::Rng& rng = rngs[i / envs];
      if (rng.Uniform(0.0, 1.0) < epsilon_) {
        actions[i] = static_cast<float>(rng.Index(spec().num_actions));
      }
    }
  }

  void UpdateMembers(const Shard& shard, const Batch& batch) override {
    Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
    const Tensor targets = Targets(batch, NextValues(shard, nets, batch.next_observations));
    UpdateOnline(shard, nets, batch, targets);
    if (UpdatesTarget()) {
      MoveTowards(nets.target.parameters(), nets.online.parameters(), config_.tau);
    }
    AddMetric(shard, kExplorationRate, exploration_rate_.expand({shard.count}));
  }

  int update_kind() const override { return UpdatesTarget() ? 1 : 0; }

  void SaveLearner(core::ArchiveWriter& archive) const override {
    all_.target.Save(archive, "target_q");
    all_.optimizer.Save(archive, "optimizer");
  }

  void LoadLearner(const core::ArchiveReader& archive) override {
    all_.target.Load(archive, "target_q");
    all_.optimizer.Load(archive, "optimizer");
  }

 private:
  // The target network's value of the next action, which the online one chooses in double
  // Q-learning: [m, B].
  Tensor NextValues(const Shard& shard, const Networks& nets, const Tensor& raw) const {
    const Tensor observations = policy_.normalizer.Normalize(raw, shard);
    const Tensor values = ActionValues(nets.target.Forward(observations), config_.dueling);
    if (!config_.double_q) return values.amax(2);
    const Tensor by_online = ActionValues(nets.online.Forward(observations), config_.dueling);
    return At(values, by_online.argmax(2, /*keepdim=*/true));
  }

  // Huber's loss of the Bellman errors.
  void UpdateOnline(const Shard& shard, Networks& nets, const Batch& batch, const Tensor& targets) {
    Mlp::Tape tape;
    const Tensor output =
        nets.online.Forward(policy_.normalizer.Normalize(batch.observations, shard), tape);
    const Tensor indices = batch.actions.to(at::kLong);  // [m, B, 1]
    const Tensor all_values = ActionValues(output, config_.dueling);
    const Tensor values = At(all_values, indices);
    const Tensor errors = values - targets;  // [m, B]
    // With the clipped error c: c (e - c / 2) is Huber's loss, and c its gradient.
    const Tensor clipped = config_.huber_delta > 0.0
                               ? errors.clamp(-config_.huber_delta, config_.huber_delta)
                               : errors;
    const Tensor losses = (clipped * (errors - 0.5 * clipped)).mean(1);
    const Tensor by_values =
        at::zeros_like(all_values)
            .scatter_(2, indices, (clipped / static_cast<double>(errors.size(1))).unsqueeze(2));
    nets.online.Backward(tape, ThroughActionValues(by_values, config_.dueling));
    Step(shard, "Q-network", losses, nets.online, nets.optimizer);
    AddMetric(shard, kLoss, losses);
    AddMetric(shard, kMeanValue, values.mean(1));
  }

  bool UpdatesTarget() const { return (num_updates() + 1) % config_.target_update_interval == 0; }

  void SyncTarget() { all_.target.parameters().copy_(all_.online.parameters()); }

  const DqnConfig config_;
  ValuePolicy policy_;
  Networks all_;                    // `online` is the policy's
  std::vector<Networks> by_shard_;  // views of all_
  double epsilon_;
  Tensor exploration_rate_;  // [1] the same, where recorded updates can see it
};

}  // namespace

std::unique_ptr<Agent> MakeDqn(const DqnConfig& config, const AgentSpec& spec) {
  if (!spec.discrete()) throw std::invalid_argument("DQN needs discrete actions");
  return std::make_unique<Dqn>(config, spec);
}

}  // namespace duet::agents
