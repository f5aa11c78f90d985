#include "agents/ddpg.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/adam.h"
#include "agents/mlp.h"
#include "agents/normalizer.h"
#include "core/error.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, DdpgConfig& c) {
  v.Field("gamma", c.gamma, {0.0, 1.0}, "discount per environment step");
  v.Field("tau", c.tau, {0.0, 1.0, true}, "share of the online networks in each target update");
  v.Field("batch_size", c.batch_size, {1, 1'000'000}, "transitions per member and update");
  v.Field("replay_capacity", c.replay_capacity, {1, 1'000'000'000}, "transitions kept per member");
  v.Field("hidden", c.hidden, {1, 65536}, "sizes of the hidden layers of actor and critic");
  v.Field("actor_learning_rate", c.actor_learning_rate, {0.0, 10.0}, "Adam step of the actor");
  v.Field("critic_learning_rate", c.critic_learning_rate, {0.0, 10.0}, "Adam step of the critic");
  v.Field("critic_l2", c.critic_l2, {0.0, 10.0}, "L2 penalty on the critic, as l2/2 * |w|^2");
  v.Field("max_gradient_norm", c.max_gradient_norm, {0.0, 1e9},
          "largest gradient norm per member and network; 0: no clipping");
  v.Field("final_layer_scale", c.final_layer_scale, {0.0, 10.0},
          "last layers start uniform in +-this; 0: as the other layers");
  v.Field("reward_scale", c.reward_scale, {0.0, 1e9, true}, "factor on rewards");
  v.Field("normalize_observations", c.normalize_observations,
          "normalise by each learner's own running mean and variance");
  v.Field("observation_clip", c.observation_clip, {0.0, 1e9, true},
          "bound of normalised observations, in standard deviations");
  v.Section("noise", c.noise, "exploration");
}

namespace {

std::vector<core::Rng> MemberStreams(const AgentSpec& spec, std::string_view name) {
  std::vector<core::Rng> rngs;
  for (const std::uint64_t seed : spec.member_seeds) {
    rngs.emplace_back(core::SplitSeed(seed, name));
  }
  return rngs;
}

void SaveStreams(core::ArchiveWriter& archive, const std::string& name,
                 const std::vector<core::Rng>& rngs) {
  for (std::size_t m = 0; m < rngs.size(); ++m) {
    archive.AddText(fmt::format("{}.{}", name, m), rngs[m].SaveState());
  }
}

void LoadStreams(const core::ArchiveReader& archive, const std::string& name,
                 std::vector<core::Rng>& rngs) {
  for (std::size_t m = 0; m < rngs.size(); ++m) {
    rngs[m].LoadState(archive.GetText(fmt::format("{}.{}", name, m)));
  }
}

MlpShape ActorShape(const DdpgConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size,
          .hidden = config.hidden,
          .output = spec.action_size,
          .output_activation = OutputActivation::kTanh};
}

MlpShape CriticShape(const DdpgConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size + spec.action_size,
          .hidden = config.hidden,
          .output = 1,
          .output_activation = OutputActivation::kNone};
}

// The actor with the observation statistics that belong to it.
class DeterministicPolicy : public Policy {
 public:
  DeterministicPolicy(const DdpgConfig& config, const AgentSpec& spec)
      : normalizer(spec.members(), spec.observation_size, config.normalize_observations,
                   config.observation_clip, spec.device),
        actor(ActorShape(config, spec), spec.device) {
    const bool gaussian = config.noise.kind == NoiseKind::kGaussian && config.noise.std > 0.0;
    if (gaussian) {
      log_std_ = at::full({1, 1, 1}, std::log(config.noise.std),
                          at::TensorOptions().dtype(at::kFloat).device(spec.device));
    }
  }

  PolicyOutput Answer(const Tensor& observations) const override {
    const at::NoGradGuard no_grad;
    return {actor.Forward(normalizer.Normalize(observations)), log_std_};
  }

  Tensor Differentiate(const Tensor& observations, const LossFunction& loss) override {
    Mlp::Tape tape;
    {
      const at::NoGradGuard no_grad;
      actor.Forward(normalizer.Normalize(observations), tape);
    }
    // The loss is differentiated by the answer alone: the answer is autograd's only leaf.
    const at::AutoGradMode grad(true);
    const Tensor mean = tape.output.detach().requires_grad_(true);
    const Tensor losses = loss({mean, log_std_});
    CheckShape(losses, {actor.shape().members}, "losses");
    losses.sum().backward();
    const at::NoGradGuard no_grad;
    actor.Backward(tape, mean.grad());
    return losses.detach();
  }

  Tensor& parameters() override { return actor.parameters(); }
  const Tensor& gradients() override { return actor.gradients(); }
  void ClipGradients(double max_norm) override {
    const at::NoGradGuard no_grad;
    actor.ClipGradients(max_norm);
  }

  ObservationNormalizer normalizer;
  Mlp actor;

 private:
  Tensor log_std_;  // [1, 1, 1] of the Gaussian exploration; undefined with another kind
};

class Ddpg : public Agent {
 public:
  Ddpg(const DdpgConfig& config, const AgentSpec& spec)
      : config_(config),
        spec_(spec),
        policy_(config, spec),
        critic_(CriticShape(config, spec), spec.device),
        target_actor_(ActorShape(config, spec), spec.device),
        target_critic_(CriticShape(config, spec), spec.device),
        actor_optimizer_({.learning_rate = config.actor_learning_rate}, policy_.actor.parameters()),
        critic_optimizer_({.learning_rate = config.critic_learning_rate, .l2 = config.critic_l2},
                          critic_.parameters()),
        replay_(spec.members(), std::min(config.replay_capacity, spec.replay_capacity),
                spec.observation_size, spec.action_size, spec.device),
        noise_(config.noise, spec.members(), spec.envs, spec.action_size),
        exploration_rngs_(MemberStreams(spec, "exploration")),
        replay_rngs_(MemberStreams(spec, "replay")) {
    const at::NoGradGuard no_grad;
    std::vector<core::Rng> rngs = MemberStreams(spec, "initialization");
    policy_.actor.Initialize(rngs, config.final_layer_scale);
    critic_.Initialize(rngs, config.final_layer_scale);
    SyncTargets();
    ClearMetrics();
  }

  const AgentSpec& spec() const override { return spec_; }

  void Act(std::span<const float> observations, ActMode mode, std::span<float> actions) override {
    const std::int64_t members = spec_.members();
    if (mode == ActMode::kRandom) {
      const std::size_t per_member = actions.size() / static_cast<std::size_t>(members);
      for (std::size_t i = 0; i < actions.size(); ++i) {
        actions[i] = static_cast<float>(exploration_rngs_[i / per_member].Uniform(-1.0, 1.0));
      }
      return;
    }
    const std::int64_t envs =
        static_cast<std::int64_t>(observations.size()) / members / spec_.observation_size;
    // The copy to the learner's device; `from_blob` only looks.
    const Tensor raw = at::from_blob(const_cast<float*>(observations.data()),
                                     {members, envs, spec_.observation_size}, at::kFloat)
                           .to(spec_.device);
    const Tensor answer = policy_.Answer(raw).mean.cpu().contiguous();
    std::copy_n(answer.const_data_ptr<float>(), actions.size(), actions.data());
    if (mode == ActMode::kExplore) noise_.Perturb(exploration_rngs_, actions);
  }

  void Observe(const Transitions& transitions) override {
    const at::NoGradGuard no_grad;
    policy_.normalizer.Update(transitions.observations);
    replay_.Add(transitions);
    for (std::size_t i = 0; i < transitions.terminated.size(); ++i) {
      if (transitions.terminated[i] != 0 || transitions.truncated[i] != 0) {
        noise_.Restart(static_cast<std::int64_t>(i));
      }
    }
  }

  void Update() override { UpdateOn(replay_.Sample(replay_rngs_, config_.batch_size)); }

  void UpdateOn(const Batch& batch) override {
    const at::NoGradGuard no_grad;
    const Tensor observations = policy_.normalizer.Normalize(batch.observations);
    const Tensor next_observations = policy_.normalizer.Normalize(batch.next_observations);
    UpdateCritic(observations, batch, next_observations);
    UpdateActor(observations);
    target_critic_.parameters().lerp_(critic_.parameters(), config_.tau);
    target_actor_.parameters().lerp_(policy_.actor.parameters(), config_.tau);
    ++num_metric_updates_;
  }

  Metrics TakeMetrics() override {
    Metrics metrics;
    if (num_metric_updates_ == 0) return metrics;
    const Tensor means = (metric_sums_ / static_cast<double>(num_metric_updates_)).cpu();
    const float* value = means.const_data_ptr<float>();
    for (const char* name : {"critic_loss", "actor_loss", "q_mean"}) {
      metrics[name] = std::vector<double>(value, value + spec_.members());
      value += spec_.members();
    }
    ClearMetrics();
    return metrics;
  }

  Policy& policy() override { return policy_; }
  const Policy& policy() const override { return policy_; }
  ReplayBuffer& replay() override { return replay_; }
  const ReplayBuffer& replay() const override { return replay_; }

  Tensor Value(const Tensor& observations) const override {
    return ActionValue(observations, policy_.Answer(observations).mean);
  }

  Tensor ActionValue(const Tensor& observations, const Tensor& actions) const override {
    const at::NoGradGuard no_grad;
    const Tensor normalized = policy_.normalizer.Normalize(observations);
    return critic_.Forward(at::cat({normalized, actions}, 2)).squeeze(2);
  }

  void SavePolicy(core::ArchiveWriter& archive) const override {
    policy_.actor.Save(archive, "actor");
    critic_.Save(archive, "critic");
    policy_.normalizer.Save(archive, "normalizer");
  }

  void LoadPolicy(const core::ArchiveReader& archive,
                  std::span<const std::int64_t> members) override {
    const at::NoGradGuard no_grad;
    policy_.actor.Load(archive, "actor", members);
    critic_.Load(archive, "critic", members);
    policy_.normalizer.Load(archive, "normalizer", members);
    SyncTargets();
  }

  void Save(core::ArchiveWriter& archive) const override {
    SavePolicy(archive);
    target_actor_.Save(archive, "target_actor");
    target_critic_.Save(archive, "target_critic");
    actor_optimizer_.Save(archive, "actor_optimizer");
    critic_optimizer_.Save(archive, "critic_optimizer");
    replay_.Save(archive, "replay");
    noise_.Save(archive, "noise");
    SaveStreams(archive, "exploration_rng", exploration_rngs_);
    SaveStreams(archive, "replay_rng", replay_rngs_);
    SaveTensor(archive, "metric_sums", metric_sums_);
    archive.AddNumber("num_metric_updates", num_metric_updates_);
  }

  void Load(const core::ArchiveReader& archive) override {
    const at::NoGradGuard no_grad;
    std::vector<std::int64_t> members(spec_.member_seeds.size());
    std::iota(members.begin(), members.end(), 0);
    LoadPolicy(archive, members);
    target_actor_.Load(archive, "target_actor");
    target_critic_.Load(archive, "target_critic");
    actor_optimizer_.Load(archive, "actor_optimizer");
    critic_optimizer_.Load(archive, "critic_optimizer");
    replay_.Load(archive, "replay", members);
    noise_.Load(archive, "noise");
    LoadStreams(archive, "exploration_rng", exploration_rngs_);
    LoadStreams(archive, "replay_rng", replay_rngs_);
    LoadTensor(archive, "metric_sums", metric_sums_);
    num_metric_updates_ = archive.GetNumber("num_metric_updates");
  }

 private:
  // Mean squared Bellman error (arXiv:1509.02971, Eq. 4-5).
  void UpdateCritic(const Tensor& observations, const Batch& batch,
                    const Tensor& next_observations) {
    const Tensor next_actions = target_actor_.Forward(next_observations);
    const Tensor next_values =
        target_critic_.Forward(at::cat({next_observations, next_actions}, 2)).squeeze(2);
    const Tensor targets = at::addcmul(batch.rewards * config_.reward_scale, next_values,
                                       1.0 - batch.terminated, config_.gamma);
    Mlp::Tape tape;
    const Tensor values =
        critic_.Forward(at::cat({observations, batch.actions}, 2), tape).squeeze(2);
    const Tensor errors = values - targets;  // [M, B]
    const Tensor losses = errors.square().mean(1);
    critic_.Backward(tape, (errors * (2.0 / static_cast<double>(errors.size(1)))).unsqueeze(2));
    CheckFinite(losses, critic_, "critic");
    if (config_.max_gradient_norm > 0.0) critic_.ClipGradients(config_.max_gradient_norm);
    critic_optimizer_.Step(critic_.parameters(), critic_.gradients());
    metric_sums_[0].add_(losses);
    metric_sums_[2].add_(values.mean(1));
  }

  // Deterministic policy gradient (arXiv:1509.02971, Eq. 6).
  void UpdateActor(const Tensor& observations) {
    Mlp::Tape actor_tape, critic_tape;
    const Tensor actions = policy_.actor.Forward(observations, actor_tape);
    const Tensor values = critic_.Forward(at::cat({observations, actions}, 2), critic_tape);
    const Tensor losses = values.squeeze(2).mean(1).neg_();  // [M]
    const Tensor by_value = at::full_like(values, -1.0 / static_cast<double>(values.size(1)));
    const Tensor by_action =
        critic_.InputGradient(critic_tape, by_value, spec_.observation_size, spec_.action_size);
    policy_.actor.Backward(actor_tape, by_action);
    CheckFinite(losses, policy_.actor, "actor");
    if (config_.max_gradient_norm > 0.0) policy_.actor.ClipGradients(config_.max_gradient_norm);
    actor_optimizer_.Step(policy_.actor.parameters(), policy_.actor.gradients());
    metric_sums_[1].add_(losses);
  }

  // Reads the device once where all is well.
  static void CheckFinite(const Tensor& losses, const Mlp& network, std::string_view name) {
    if (std::isfinite((losses.sum() + network.gradients().sum()).item<float>())) return;
    const auto check = [&](const Tensor& values, std::string_view quantity) {
      const Tensor host = values.cpu();
      for (std::int64_t m = 0; m < host.size(0); ++m) {
        const float value = host[m].item<float>();
        if (std::isfinite(value)) continue;
        throw NonFiniteError(fmt::format("the {} {} of member {} is {}", name, quantity, m,
                                         std::isnan(value) ? std::abs(value) : value));
      }
    };
    check(losses, "loss");
    check(network.GradientNorms(), "gradient norm");
    throw NonFiniteError(fmt::format("the {} gradients of all members together overflow", name));
  }

  void SyncTargets() {
    target_actor_.parameters().copy_(policy_.actor.parameters());
    target_critic_.parameters().copy_(critic_.parameters());
  }

  void ClearMetrics() {
    metric_sums_ = at::zeros({3, spec_.members()}, critic_.parameters().options());
    num_metric_updates_ = 0;
  }

  const DdpgConfig config_;
  const AgentSpec spec_;
  DeterministicPolicy policy_;
  Mlp critic_;
  Mlp target_actor_;
  Mlp target_critic_;
  Adam actor_optimizer_;
  Adam critic_optimizer_;
  ReplayBuffer replay_;
  ExplorationNoise noise_;
  std::vector<core::Rng> exploration_rngs_;  // [M]
  std::vector<core::Rng> replay_rngs_;       // [M]
  Tensor metric_sums_;                       // [3, M] critic loss, actor loss, mean value
  std::int64_t num_metric_updates_ = 0;
};

}  // namespace

std::unique_ptr<Agent> MakeDdpg(const DdpgConfig& config, const AgentSpec& spec) {
  return std::make_unique<Ddpg>(config, spec);
}

}  // namespace duet::agents
