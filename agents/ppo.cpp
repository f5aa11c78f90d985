#include "agents/ppo.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "agents/off_policy.h"
#include "agents/ppo_learner.h"
#include "agents/reward_normalizer.h"
#include "agents/without_autograd.h"
#include "core/error.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, PpoConfig& c) {
  static constexpr core::Option<AdvantageNormalization> kNormalizations[] = {
      {"minibatch", AdvantageNormalization::kMinibatch},
      {"rollout", AdvantageNormalization::kRollout},
      {"none", AdvantageNormalization::kNone}};
  static constexpr core::Option<Activation> kActivations[] = {{"tanh", Activation::kTanh},
                                                              {"relu", Activation::kRelu}};
  v.Field("gamma", c.gamma, {0.0, 1.0}, "discount per environment step");
  v.Field("gae_lambda", c.gae_lambda, {0.0, 1.0}, "decay of later temporal differences");
  v.Field("rollout_steps", c.rollout_steps, {1, 1'000'000},
          "steps of each environment between updates; training.warmup_steps, update_every and "
          "updates do not apply");
  v.Field("batch_size", c.batch_size, {1, 1'000'000},
          "transitions per member and minibatch, at least: minibatches are as even as possible");
  v.Field("epochs", c.epochs, {1, 10'000}, "passes over a rollout");
  v.Field("learning_rate", c.learning_rate, {0.0, 10.0}, "Adam step of actor and critic");
  v.Field("anneal_learning_rate", c.anneal_learning_rate,
          "lower it linearly, to 0 at the end of training");
  v.Field("adam_epsilon", c.adam_epsilon, {0.0, 1.0, true}, "Adam's epsilon");
  v.Field("clip_range", c.clip_range, {0.0, 1e9, true}, "clip of the probability ratio around 1");
  v.Field("value_clip_range", c.value_clip_range, {0.0, 1e9},
          "clip of a value's change, in normalised rewards; 0: none");
  v.Field("value_coef", c.value_coef, {0.0, 1e9}, "factor on the mean squared error of values");
  v.Field("entropy_coef", c.entropy_coef, {0.0, 1e9}, "factor on the entropy bonus");
  v.Field("max_gradient_norm", c.max_gradient_norm, {0.0, 1e9},
          "largest gradient norm of actor and critic together, per member; 0: no clipping");
  v.Field("target_kl", c.target_kl, {0.0, 1e9},
          "a member leaves a rollout at 1.5 times this divergence of old and new policy; 0: never");
  v.Choice("advantage_normalization", c.advantage_normalization, kNormalizations,
           "over which samples advantages get mean 0 and standard deviation 1");
  v.Field("recompute_advantages", c.recompute_advantages,
          "estimate advantages anew before every epoch");
  v.Field("hidden", c.hidden, {1, 65536}, "sizes of the hidden layers of actor and critic");
  v.Choice("activation", c.activation, kActivations, "of the hidden layers");
  v.Field("policy_output_gain", c.policy_output_gain, {0.0, 1e9},
          "scale of the orthogonal initial weights of the actor's last layer");
  v.Field("initial_log_std", c.initial_log_std, {-20.0, 2.0},
          "log standard deviation of continuous actions at the start");
  v.Field("normalize_observations", c.normalize_observations,
          "normalise by each learner's own running mean and variance");
  v.Field("observation_clip", c.observation_clip, {0.0, 1e9, true},
          "bound of normalised observations, in standard deviations");
  v.Field("normalize_rewards", c.normalize_rewards,
          "divide rewards by the running standard deviation of the discounted return");
  v.Field("reward_clip", c.reward_clip, {0.0, 1e9, true}, "bound of normalised rewards");
  v.Field("replay_capacity", c.replay_capacity, {1, 1'000'000'000},
          "latest transitions kept per member as states for lessons");
}

namespace {

template <typename T>
std::span<const T> AllOf(const Tensor& tensor) {
  return {tensor.const_data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}

class Ppo : public Agent {
 public:
  Ppo(const PpoConfig& config, const AgentSpec& spec)
      : config_(config),
        spec_(spec),
        policy_(config, spec),
        learner_(config, spec, policy_),
        rollout_(spec.members(), spec.envs, config.rollout_steps, spec.observation_size,
                 spec.action_size),
        reward_normalizer_(spec.members(), spec.envs, config.normalize_rewards, config.gamma,
                           config.reward_clip),
        replay_(spec.members(), std::min(config.replay_capacity, spec.replay_capacity),
                spec.observation_size, spec.action_size, spec.device),
        rngs_(MemberStreams(spec.member_seeds, "exploration")),
        actions_(static_cast<std::size_t>(spec.members() * spec.envs * spec.action_size)),
        log_probs_(static_cast<std::size_t>(spec.members() * spec.envs)),
        rewards_(log_probs_.size()) {}

  const AgentSpec& spec() const override { return spec_; }
  void SetProgress(double progress) override { progress_ = progress; }

  void Act(std::span<const float> observations, ActMode mode, std::span<float> actions) override {
    if (mode == ActMode::kRandom) {
      decided_ = false;
      return DrawRandomActions(rngs_, spec_.num_actions, actions);
    }
    const WithoutAutograd no_autograd;
    const Scratch::Scope scope(acting_scratch_);
    const Tensor normalized = policy_.normalizer.Normalize(OnDevice(observations));
    const Tensor outputs = policy_.network.Forward(normalized);
    if (mode == ActMode::kGreedy) return policy_.Likeliest(outputs, actions);
    policy_.Draw(outputs, rngs_, actions_, log_probs_);
    observations_ = normalized.to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    decided_ = true;
    std::copy(actions_.begin(), actions_.end(), actions.begin());
    if (spec_.discrete()) return;
    for (float& action : actions) action = std::clamp(action, -1.0F, 1.0F);
  }

  void Observe(const Transitions& transitions) override {
    if (!decided_) Judge(transitions);
    decided_ = false;
    reward_normalizer_.Normalize(transitions.rewards, transitions.terminated, transitions.truncated,
                                 rewards_);
    rollout_.Add({AllOf<float>(observations_), actions_, log_probs_}, rewards_, transitions);
    policy_.normalizer.Update(transitions.observations);
    replay_.Add(transitions);
  }

  bool on_policy() const override { return true; }
  bool UpdateDue() const override { return rollout_.full(); }

  void Update() override {
    if (!UpdateDue()) throw std::logic_error("no update is due: the rollout is not full");
    if (learner_.Step(rollout_, RateScale())) return;
    rollout_.Clear();
    rollout_progress_ = progress_;
  }

  // The transitions count as rollouts of one step by the policy as it is.
  void UpdateOn(const Batch& batch) override {
    const at::NoGradGuard no_grad;
    const Tensor normalized = policy_.normalizer.Normalize(batch.observations);
    const Tensor values = learner_.Values(batch.observations).cpu();
    const Tensor targets =
        at::addcmul(NormalizeRewards(batch.rewards), learner_.Values(batch.next_observations).cpu(),
                    1.0 - batch.terminated.cpu(), config_.gamma);
    const Tensor actions = batch.actions.cpu().contiguous();
    Tensor log_probs = at::empty_like(values, at::MemoryFormat::Contiguous);
    policy_.LogProbs(
        policy_.network.Forward(normalized), AllOf<float>(actions),
        {log_probs.mutable_data_ptr<float>(), static_cast<std::size_t>(log_probs.numel())});
    const Tensor columns = at::stack({log_probs, targets - values, targets, values}, 2);
    learner_.StepOn(normalized, at::cat({actions, columns}, 2).contiguous(), RateScale());
  }

  std::vector<std::string> metric_names() const override { return learner_.metric_names(); }
  Metrics TakeMetrics() override { return learner_.TakeMetrics(); }

  Policy& policy() override { return policy_; }
  const Policy& policy() const override { return policy_; }
  ReplayBuffer& replay() override { return replay_; }
  const ReplayBuffer& replay() const override { return replay_; }

  Tensor Value(const Tensor& observations) const override {
    return learner_.Values(observations) * RewardScales().to(spec_.device);
  }

  Tensor ActionValue(const Tensor& /*observations*/, const Tensor& /*actions*/) const override {
    throw ConfigError(
        "ppo learns values of states and none of actions: use value = \"own_action\"");
  }

  void SavePolicy(core::ArchiveWriter& archive) const override {
    policy_.network.Save(archive, "actor");
    learner_.critic().Save(archive, "critic");
    policy_.normalizer.Save(archive, "normalizer");
    reward_normalizer_.Save(archive, "reward_normalizer");
  }

  void LoadPolicy(const core::ArchiveReader& archive,
                  std::span<const std::int64_t> members) override {
    const at::NoGradGuard no_grad;
    policy_.network.Load(archive, "actor", members);
    learner_.critic().Load(archive, "critic", members);
    policy_.normalizer.Load(archive, "normalizer", members);
    reward_normalizer_.Load(archive, "reward_normalizer", members);
  }

  void Save(core::ArchiveWriter& archive) const override {
    SavePolicy(archive);
    learner_.Save(archive);
    rollout_.Save(archive, "rollout");
    reward_normalizer_.SaveReturns(archive, "returns");
    replay_.Save(archive, "replay");
    SaveStreams(archive, "exploration_rng", rngs_);
    archive.AddText("progress", fmt::format("{:a}", progress_));
    archive.AddText("rollout_progress", fmt::format("{:a}", rollout_progress_));
  }

  void Load(const core::ArchiveReader& archive) override {
    const std::vector<std::int64_t> all = AllMembers(spec_.members());
    LoadPolicy(archive, all);
    rollout_.Load(archive, "rollout");
    learner_.Load(archive, rollout_);
    reward_normalizer_.LoadReturns(archive, "returns");
    replay_.Load(archive, "replay", all);
    LoadStreams(archive, "exploration_rng", rngs_);
    progress_ = std::strtod(archive.GetText("progress").c_str(), nullptr);
    rollout_progress_ = std::strtod(archive.GetText("rollout_progress").c_str(), nullptr);
    decided_ = false;
  }

 private:
  Tensor OnDevice(std::span<const float> observations) const {
    const auto envs =
        static_cast<std::int64_t>(observations.size()) / (spec_.members() * spec_.observation_size);
    // The copy to the learner's device; `from_blob` only looks.
    return at::from_blob(const_cast<float*>(observations.data()),
                         {spec_.members(), envs, spec_.observation_size}, at::kFloat)
        .to(spec_.device);
  }

  // Takes actions that others drew as if the policy had drawn them.
  void Judge(const Transitions& transitions) {
    const at::NoGradGuard no_grad;
    const Tensor normalized = policy_.normalizer.Normalize(OnDevice(transitions.observations));
    observations_ = normalized.to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    std::copy(transitions.actions.begin(), transitions.actions.end(), actions_.begin());
    policy_.LogProbs(policy_.network.Forward(normalized), actions_, log_probs_);
  }

  // Of the rollout that is learnt from: annealed by where training was when it began.
  double RateScale() const { return config_.anneal_learning_rate ? 1.0 - rollout_progress_ : 1.0; }

  // What a normalised reward of 1 is worth, [M, 1].
  Tensor RewardScales() const {
    Tensor scales = at::empty({spec_.members(), 1}, at::kFloat);
    for (std::int64_t m = 0; m < spec_.members(); ++m) {
      scales.mutable_data_ptr<float>()[m] = static_cast<float>(reward_normalizer_.Scale(m));
    }
    return scales;
  }

  Tensor NormalizeRewards(const Tensor& rewards) const {
    const Tensor normalized = rewards.cpu() / RewardScales();
    return config_.normalize_rewards ? normalized.clamp(-config_.reward_clip, config_.reward_clip)
                                     : normalized;
  }

  const PpoConfig config_;
  const AgentSpec spec_;
  PpoPolicy policy_;
  PpoLearner learner_;
  Rollout rollout_;
  Scratch acting_scratch_;
  RewardNormalizer reward_normalizer_;
  ReplayBuffer replay_;
  std::vector<core::Rng> rngs_;  // [M] exploration
  // What Act decided, for Observe.
  bool decided_ = false;
  Tensor observations_;            // [M, E, O] normalised, on the host
  std::vector<float> actions_;     // [M, E, A] before clipping
  std::vector<float> log_probs_;   // [M, E]
  std::vector<float> rewards_;     // [M, E] normalised
  double progress_ = 0.0;          // of training, in [0, 1]
  double rollout_progress_ = 0.0;  // when the rollout began
};

}  // namespace

std::unique_ptr<Agent> MakePpo(const PpoConfig& config, const AgentSpec& spec) {
  return std::make_unique<Ppo>(config, spec);
}

}  // namespace duet::agents
