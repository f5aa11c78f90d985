#include "agents/ppo_learner.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <type_traits>
#include <utility>

#include "agents/gae.h"
#include "agents/without_autograd.h"
#include "core/error.h"

namespace duet::agents {
namespace {

enum MetricIndex : std::size_t {
  kPolicyGradientLoss,
  kValueLoss,
  kEntropyLoss,
  kApproxKl,
  kClipFraction,
  kExplainedVariance,
  kLearningRate,
  kStd,
  kNumMetrics
};
// As Stable-Baselines3 calls them.
constexpr const char* kMetricNames[] = {
    "policy_gradient_loss", "value_loss",         "entropy_loss",  "approx_kl",
    "clip_fraction",        "explained_variance", "learning_rate", "std"};

// A member stops when the approximate divergence exceeds so many times its target, as in
// Stable-Baselines3.
constexpr double kDivergenceMargin = 1.5;

MlpShape CriticShape(const PpoConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size,
          .hidden = config.hidden,
          .output = 1,
          .activation = config.activation,
          .precision = spec.precision};
}

PpoObjectiveConfig Objective(const PpoConfig& config) {
  return {
      .clip_range = config.clip_range,
      .value_clip_range = config.value_clip_range,
      .value_coef = config.value_coef,
      .entropy_coef = config.entropy_coef,
      .normalize_advantages = config.advantage_normalization == AdvantageNormalization::kMinibatch};
}

// A member's row of [M, …] on the host.
template <typename T>
std::span<T> Row(const Tensor& tensor, std::int64_t member) {
  const std::int64_t width = tensor.numel() / tensor.size(0);
  return {tensor.mutable_data_ptr<std::remove_const_t<T>>() + member * width,
          static_cast<std::size_t>(width)};
}

double Variance(std::span<const float> values) {
  const double count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0.0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  return squares / count;
}

// What brings values to mean 0 and standard deviation 1: they are shifted, then multiplied.
struct Standardization {
  double shift = 0.0;
  double factor = 1.0;
};

Standardization Standardize(std::span<const float> values) {
  const double count = static_cast<double>(values.size());
  if (count < 2.0) return {};
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  const double std = std::sqrt(Variance(values) * count / (count - 1.0));
  return {-mean, 1.0 / (std + 1e-8)};
}

void CheckLosses(const PpoLosses& losses, std::int64_t member) {
  const auto check = [&](double value, std::string_view name) {
    if (std::isfinite(value)) return;
    throw NonFiniteError(fmt::format("the {} loss of member {} is {}", name, member,
                                     std::isnan(value) ? std::abs(value) : value));
  };
  check(losses.policy_gradient_loss, "policy");
  check(losses.value_loss, "value");
  check(losses.entropy_loss, "entropy");
}

}  // namespace

PpoLearner::Networks PpoLearner::MakeNetworks(const PpoConfig& config, const AgentSpec& spec,
                                              const Mlp& actor) {
  const Mlp critic(CriticShape(config, spec), spec.device);
  const AdamConfig adam{.learning_rate = config.learning_rate, .epsilon = config.adam_epsilon};
  return {.actor = actor,
          .critic = critic,
          .actor_optimizer = {adam, actor.parameters()},
          .critic_optimizer = {adam, critic.parameters()}};
}

PpoLearner::PpoLearner(const PpoConfig& config, const AgentSpec& spec, PpoPolicy& policy)
    : config_(config),
      spec_(spec),
      objective_(Objective(config)),
      shards_(MakeShards(spec.members(), spec.threads, spec.device)),
      policy_(policy),
      all_(MakeNetworks(config, spec, policy.network)),
      splits_networks_(spec.device.is_cpu() && spec.threads > 1 && shards_.size() == 1),
      losses_(spec.member_seeds.size()),
      shuffle_rngs_(MemberStreams(spec.member_seeds, "shuffle")),
      active_(at::ones({spec.members()}, at::kBool)) {
  std::vector<core::Rng> rngs = MemberStreams(spec.member_seeds, "initialization");
  all_.actor.InitializeOrthogonal(rngs, std::numbers::sqrt2, config.policy_output_gain);
  all_.critic.InitializeOrthogonal(rngs, std::numbers::sqrt2, 1.0);
  for (const Shard& s : shards_) {
    by_shard_.push_back({all_.actor.Slice(s.first, s.count), all_.critic.Slice(s.first, s.count),
                         all_.actor_optimizer.Slice(s.first, s.count),
                         all_.critic_optimizer.Slice(s.first, s.count)});
  }
  ClearMetrics();
}

Tensor PpoLearner::Values(const Tensor& observations) const {
  const WithoutAutograd no_autograd;
  return all_.critic.Forward(policy_.normalizer.Normalize(observations)).squeeze(2);
}

bool PpoLearner::Step(const Rollout& rollout, double rate_scale) {
  const std::int64_t minibatches = std::max<std::int64_t>(1, rollout.size() / config_.batch_size);
  if (minibatch_ == 0) BeginEpoch(rollout);
  // As even as possible, and none smaller than asked for.
  const std::int64_t first = rollout.size() * minibatch_ / minibatches;
  const std::int64_t end = rollout.size() * (minibatch_ + 1) / minibatches;
  const Tensor observations = observations_.narrow(1, first, end - first);
  const Tensor samples = samples_.narrow(1, first, end - first);
  ForEachShard(shards_, [&](const Shard& shard) {
    UpdateMembers(shard, observations, samples, rate_scale);
  });
  minibatch_ = (minibatch_ + 1) % minibatches;
  if (minibatch_ == 0) ++epoch_;
  if (epoch_ < config_.epochs && at::any(active_).item<bool>()) return true;
  epoch_ = minibatch_ = 0;
  return false;
}

void PpoLearner::StepOn(const Tensor& observations, const Tensor& samples, double rate_scale) {
  active_.fill_(true);
  ForEachShard(shards_, [&](const Shard& shard) {
    UpdateMembers(shard, observations, samples, rate_scale);
  });
}

void PpoLearner::BeginEpoch(const Rollout& rollout) {
  const bool first = epoch_ == 0;
  if (first) {
    active_.fill_(true);
    MakeEstimates(rollout);
  }
  ForEachShard(shards_, [&](const Shard& shard) {
    for (std::int64_t m = shard.first; m < shard.first + shard.count; ++m) {
      if (!active(m)) continue;
      if (first || config_.recompute_advantages) Estimate(rollout, m);
      if (first) CountExplainedVariance(m);
      Shuffle(m);
    }
  });
  Gather(rollout);
}

void PpoLearner::MakeEstimates(const Rollout& rollout) {
  values_ = at::empty_like(rollout.rewards);
  advantages_ = at::empty_like(rollout.rewards);
  order_ = at::empty(rollout.rewards.sizes(), at::kLong);
}

void PpoLearner::Estimate(const Rollout& rollout, std::int64_t member) {
  const Shard own{.first = member, .count = 1};
  const Mlp critic = all_.critic.Slice(member, 1);
  const Tensor seen = own.Rows(rollout.observations).to(spec_.device);
  values_[member].copy_(critic.Forward(seen).flatten());
  const auto values = Row<float>(values_, member);
  const auto terminated = Row<const std::uint8_t>(rollout.terminated, member);
  const auto truncated = Row<const std::uint8_t>(rollout.truncated, member);

  // What came next is what the next step saw, except where an episode or the rollout was cut.
  const auto envs = static_cast<std::size_t>(rollout.envs());
  std::vector<float> next_values(values.begin() + rollout.envs(), values.end());
  next_values.resize(values.size());
  std::vector<std::int64_t> cut;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool last = i + envs >= values.size();
    if (terminated[i] == 0 && (truncated[i] != 0 || last)) {
      cut.push_back(static_cast<std::int64_t>(i));
    }
  }
  if (!cut.empty()) {
    const Tensor final_observations =
        own.Rows(rollout.next_observations).index_select(1, at::tensor(cut)).to(spec_.device);
    const Tensor final_values =
        critic.Forward(policy_.normalizer.Normalize(final_observations, own)).flatten().cpu();
    for (std::size_t k = 0; k < cut.size(); ++k) {
      next_values[static_cast<std::size_t>(cut[k])] = final_values.const_data_ptr<float>()[k];
    }
  }
  EstimateAdvantages({.rewards = Row<const float>(rollout.rewards, member),
                      .values = values,
                      .next_values = next_values,
                      .terminated = terminated,
                      .truncated = truncated,
                      .envs = rollout.envs()},
                     config_.gamma, config_.gae_lambda, Row<float>(advantages_, member));
}

void PpoLearner::CountExplainedVariance(std::int64_t member) {
  const auto values = Row<const float>(values_, member);
  const auto advantages = Row<const float>(advantages_, member);
  std::vector<float> returns(values.size());
  std::transform(values.begin(), values.end(), advantages.begin(), returns.begin(), std::plus());
  const double variance = Variance(returns);
  AddMetric(kExplainedVariance, member,
            variance > 0.0 ? 1.0 - Variance(advantages) / variance : 0.0);
}

void PpoLearner::Shuffle(std::int64_t member) {
  const auto order = Row<std::int64_t>(order_, member);
  core::Rng& rng = shuffle_rngs_[static_cast<std::size_t>(member)];
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i-- > 1;) {
    std::swap(order[i],
              order[static_cast<std::size_t>(rng.Index(static_cast<std::int64_t>(i) + 1))]);
  }
}

void PpoLearner::Gather(const Rollout& rollout) {
  const std::int64_t members = spec_.members();
  const std::int64_t size = rollout.size();
  const auto action_size = static_cast<std::size_t>(spec_.action_size);
  if (!samples_.defined()) {
    samples_ = at::empty({members, size, spec_.action_size + PpoSamples::kColumns}, at::kFloat);
    observations_ =
        at::empty_like(rollout.observations, rollout.observations.options().device(spec_.device));
  }
  for (std::int64_t m = 0; m < members; ++m) {
    if (!active(m)) continue;
    observations_[m].copy_(rollout.observations[m].index_select(0, order_[m]));
    const auto actions = Row<const float>(rollout.actions, m);
    const auto log_probs = Row<const float>(rollout.log_probs, m);
    const auto values = Row<const float>(values_, m);
    const auto advantages = Row<const float>(advantages_, m);
    const bool whole = config_.advantage_normalization == AdvantageNormalization::kRollout;
    const Standardization standard = whole ? Standardize(advantages) : Standardization{};
    float* sample = Row<float>(samples_, m).data();
    for (const std::int64_t index : Row<const std::int64_t>(order_, m)) {
      const auto i = static_cast<std::size_t>(index);
      sample = std::copy_n(&actions[i * action_size], action_size, sample);
      *sample++ = log_probs[i];
      *sample++ = static_cast<float>((advantages[i] + standard.shift) * standard.factor);
      *sample++ = advantages[i] + values[i];
      *sample++ = values[i];
    }
  }
}

void PpoLearner::UpdateMembers(const Shard& shard, const Tensor& observations,
                               const Tensor& samples, double rate_scale) {
  if (!GoesOn(shard)) return;
  std::fill_n(losses_.begin() + shard.first, shard.count, PpoLosses{});
  const Tensor inputs = shard.Rows(observations);
  const auto differentiate = [&](std::int64_t begin, std::int64_t end) {
    const WithoutAutograd no_autograd;
    if (begin == 0) DifferentiateActor(shard, inputs, samples);
    if (end == 2) DifferentiateCritic(shard, inputs, samples);
  };
  if (splits_networks_) {
    at::parallel_for(0, 2, 1, differentiate);
  } else {
    differentiate(0, 2);
  }
  TakeStep(shard, rate_scale);
}

bool PpoLearner::GoesOn(const Shard& shard) const {
  const bool* const active = active_.const_data_ptr<bool>() + shard.first;
  return std::find(active, active + shard.count, true) != active + shard.count;
}

PpoSamples PpoLearner::SamplesOf(const Tensor& samples, std::int64_t member) const {
  const std::int64_t size = samples.size(1) * samples.size(2);
  return {.rows = {samples.const_data_ptr<float>() + member * samples.stride(0),
                   static_cast<std::size_t>(size)},
          .action_size = spec_.action_size};
}

void PpoLearner::DifferentiateActor(const Shard& shard, const Tensor& observations,
                                    const Tensor& samples) {
  Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
  Mlp& actor = nets.actor;
  const Scratch::Scope scope(nets.actor_scratch);
  Mlp::Tape tape;
  const Tensor outputs = actor.Forward(observations, tape).cpu().contiguous();
  const Tensor log_std = actor.free_parameters().cpu().contiguous();
  const Tensor by_outputs = EmptyLike(outputs, outputs.sizes());
  const Tensor by_log_std = EmptyLike(log_std, log_std.sizes());
  for (std::int64_t i = 0; i < shard.count; ++i) {
    const std::int64_t member = shard.first + i;
    const auto to = Row<float>(by_outputs, i);
    if (!active(member)) {
      std::fill(to.begin(), to.end(), 0.0F);
      continue;
    }
    const PpoSamples own = SamplesOf(samples, member);
    PpoLosses& losses = losses_[static_cast<std::size_t>(member)];
    if (policy_.discrete()) {
      DifferentiateCategorical(objective_, own, Row<const float>(outputs, i), to, losses);
    } else {
      DifferentiateGaussian(objective_, own, Row<const float>(outputs, i),
                            Row<const float>(log_std, i), to, Row<float>(by_log_std, i), losses);
    }
  }
  actor.Backward(tape, by_outputs.to(spec_.device));
  actor.free_gradients().copy_(by_log_std);
}

void PpoLearner::DifferentiateCritic(const Shard& shard, const Tensor& observations,
                                     const Tensor& samples) {
  Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
  Mlp& critic = nets.critic;
  const Scratch::Scope scope(nets.critic_scratch);
  Mlp::Tape tape;
  const Tensor values = critic.Forward(observations, tape).cpu().contiguous();
  const Tensor by_values = EmptyLike(values, values.sizes());
  for (std::int64_t i = 0; i < shard.count; ++i) {
    const std::int64_t member = shard.first + i;
    const auto to = Row<float>(by_values, i);
    std::fill(to.begin(), to.end(), 0.0F);
    if (!active(member)) continue;
    DifferentiateValues(objective_, SamplesOf(samples, member), Row<const float>(values, i), to,
                        losses_[static_cast<std::size_t>(member)]);
  }
  critic.Backward(tape, by_values.to(spec_.device));
}

void PpoLearner::TakeStep(const Shard& shard, double rate_scale) {
  bool* const going = active_.mutable_data_ptr<bool>() + shard.first;
  for (std::int64_t i = 0; i < shard.count; ++i) {
    if (!going[i]) continue;
    const std::int64_t member = shard.first + i;
    const double divergence = losses_[static_cast<std::size_t>(member)].approx_kl;
    CountLosses(member, rate_scale);
    if (config_.target_kl > 0.0 && divergence > kDivergenceMargin * config_.target_kl) {
      going[i] = false;
    }
  }
  ClipAndCheck(shard);
  Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
  const std::span<const bool> active(going, static_cast<std::size_t>(shard.count));
  nets.actor_optimizer.Step(nets.actor.parameters(), nets.actor.gradients(), rate_scale, active);
  nets.critic_optimizer.Step(nets.critic.parameters(), nets.critic.gradients(), rate_scale, active);
}

// The norm is that of actor and critic together.
void PpoLearner::ClipAndCheck(const Shard& shard) {
  Networks& nets = by_shard_[static_cast<std::size_t>(shard.index)];
  const Tensor actor_norms = nets.actor.GradientNorms().cpu();  // [m]
  const Tensor critic_norms = nets.critic.GradientNorms().cpu();
  const Tensor factors = EmptyLike(actor_norms, actor_norms.sizes());
  const bool may_clip = config_.max_gradient_norm > 0.0;
  bool clips = false;
  for (std::int64_t i = 0; i < shard.count; ++i) {
    const double norm =
        std::hypot(actor_norms.const_data_ptr<float>()[i], critic_norms.const_data_ptr<float>()[i]);
    if (!std::isfinite(norm) && active(shard.first + i)) {
      throw NonFiniteError(
          fmt::format("the PPO gradient norm of member {} is {}", shard.first + i, std::abs(norm)));
    }
    // As torch.nn.utils.clip_grad_norm_.
    const double factor = std::min(1.0, config_.max_gradient_norm / (norm + 1e-6));
    factors.mutable_data_ptr<float>()[i] = static_cast<float>(factor);
    clips = clips || factor < 1.0;
  }
  if (!may_clip || !clips) return;
  const Tensor on_device = factors.to(spec_.device);
  ScaleRows(nets.actor.gradients(), on_device);
  ScaleRows(nets.critic.gradients(), on_device);
}

void PpoLearner::CountLosses(std::int64_t member, double rate_scale) {
  const PpoLosses& losses = losses_[static_cast<std::size_t>(member)];
  CheckLosses(losses, member);
  AddMetric(kPolicyGradientLoss, member, losses.policy_gradient_loss);
  AddMetric(kValueLoss, member, losses.value_loss);
  AddMetric(kEntropyLoss, member, losses.entropy_loss);
  AddMetric(kApproxKl, member, losses.approx_kl);
  AddMetric(kClipFraction, member, losses.clip_fraction);
  AddMetric(kLearningRate, member, rate_scale * config_.learning_rate);
  if (!policy_.discrete()) AddMetric(kStd, member, losses.std);
}

void PpoLearner::AddMetric(std::size_t index, std::int64_t member, double value) {
  const std::int64_t i = static_cast<std::int64_t>(index) * spec_.members() + member;
  metric_sums_.mutable_data_ptr<double>()[i] += value;
  metric_counts_.mutable_data_ptr<double>()[i] += 1.0;
}

void PpoLearner::ClearMetrics() {
  metric_sums_ = at::zeros({kNumMetrics, spec_.members()}, at::kDouble);
  metric_counts_ = at::zeros_like(metric_sums_);
}

std::vector<std::string> PpoLearner::metric_names() const {
  std::vector<std::string> names(std::begin(kMetricNames), std::end(kMetricNames));
  if (policy_.discrete()) names.pop_back();  // the standard deviation
  return names;
}

Metrics PpoLearner::TakeMetrics() {
  Metrics metrics;
  for (std::int64_t index = 0; index < std::int64_t{kNumMetrics}; ++index) {
    const auto sums = Row<const double>(metric_sums_, index);
    const auto counts = Row<const double>(metric_counts_, index);
    if (counts[0] == 0.0) continue;
    std::vector<double>& values = metrics[kMetricNames[index]];
    for (std::size_t m = 0; m < sums.size(); ++m) values.push_back(sums[m] / counts[m]);
  }
  ClearMetrics();
  return metrics;
}

void PpoLearner::Save(core::ArchiveWriter& archive) const {
  all_.actor_optimizer.Save(archive, "actor_optimizer");
  all_.critic_optimizer.Save(archive, "critic_optimizer");
  SaveStreams(archive, "shuffle_rng", shuffle_rngs_);
  archive.AddNumber("epoch", epoch_);
  archive.AddNumber("minibatch", minibatch_);
  SaveTensor(archive, "metric_sums", metric_sums_);
  SaveTensor(archive, "metric_counts", metric_counts_);
  if (!learning()) return;
  std::string active_members;
  for (std::int64_t m = 0; m < spec_.members(); ++m) active_members += active(m) ? '1' : '0';
  archive.AddText("active", active_members);
  SaveTensor(archive, "values", values_);
  SaveTensor(archive, "advantages", advantages_);
  SaveTensor(archive, "order", order_);
}

void PpoLearner::Load(const core::ArchiveReader& archive, const Rollout& rollout) {
  all_.actor_optimizer.Load(archive, "actor_optimizer");
  all_.critic_optimizer.Load(archive, "critic_optimizer");
  LoadStreams(archive, "shuffle_rng", shuffle_rngs_);
  epoch_ = archive.GetNumber("epoch");
  minibatch_ = archive.GetNumber("minibatch");
  LoadTensor(archive, "metric_sums", metric_sums_);
  LoadTensor(archive, "metric_counts", metric_counts_);
  if (!learning()) return;
  const std::string& active_members = archive.GetText("active");
  for (std::int64_t m = 0; m < spec_.members(); ++m) {
    active_.mutable_data_ptr<bool>()[m] = active_members.at(static_cast<std::size_t>(m)) == '1';
  }
  MakeEstimates(rollout);
  LoadTensor(archive, "values", values_);
  LoadTensor(archive, "advantages", advantages_);
  LoadTensor(archive, "order", order_);
  Gather(rollout);
}

}  // namespace duet::agents
