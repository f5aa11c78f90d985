#include "agents/off_policy.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "agents/host_loops.h"
#include "agents/without_autograd.h"
#include "core/error.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, OffPolicyConfig& c) {
  v.Field("gamma", c.gamma, {0.0, 1.0}, "discount per environment step");
  v.Field("n_step", c.n_step, {1, 1000}, "rewards in a return before it bootstraps");
  v.Field("batch_size", c.batch_size, {1, 1'000'000}, "transitions per member and update");
  v.Field("replay_capacity", c.replay_capacity, {1, 1'000'000'000}, "transitions kept per member");
  v.Field("hidden", c.hidden, {1, 65536}, "sizes of the hidden layers");
  v.Field("max_gradient_norm", c.max_gradient_norm, {0.0, 1e9},
          "largest gradient norm per member and network; 0: no clipping");
  v.Field("reward_scale", c.reward_scale, {0.0, 1e9, true}, "factor on rewards");
  v.Field("normalize_observations", c.normalize_observations,
          "normalise by each learner's own running mean and variance");
  v.Field("observation_clip", c.observation_clip, {0.0, 1e9, true},
          "bound of normalised observations, in standard deviations");
}

void VisitFields(core::FieldVisitor& v, TargetNetworkConfig& c) {
  VisitFields(v, static_cast<OffPolicyConfig&>(c));
  v.Field("tau", c.tau, {0.0, 1.0, true}, "share of the online networks in each target update");
}

OffPolicyAgent::OffPolicyAgent(const OffPolicyConfig& config, const AgentSpec& spec,
                               std::vector<std::string> metric_names)
    : config_(config),
      spec_(spec),
      metric_names_(std::move(metric_names)),
      shards_(MakeShards(spec.members(), spec.threads, spec.device)),
      replay_(spec.members(), std::min(config.replay_capacity, spec.replay_capacity),
              spec.observation_size, spec.action_size, spec.device),
      exploration_rngs_(MemberStreams(spec.member_seeds, "exploration")),
      replay_rngs_(MemberStreams(spec.member_seeds, "replay")),
      update_rngs_(MemberStreams(spec.member_seeds, "update")) {
  inputs_.resize(shards_.size());
  scratch_.resize(static_cast<std::size_t>(shards_.back().thread + 1));
  const MakeRecorder recorder = spec.make_recorder ? spec.make_recorder : RecorderOf(spec.device);
  for (std::size_t i = 0; i < shards_.size(); ++i) graphs_.emplace_back(recorder);
  recorded_ = static_cast<bool>(recorder);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(spec.device);
  const auto num_metrics = static_cast<std::int64_t>(metric_names_.size());
  zeros_ = at::zeros({spec.members()}, options);
  ones_ = at::ones({spec.members()}, options);
  num_skipped_ = at::zeros({1}, options);
  pending_metrics_.resize(shards_.size());
  metric_sums_ = at::zeros({num_metrics, spec.members()}, options);
  metric_counts_ = at::zeros({num_metrics, spec.members()}, options);
}

void OffPolicyAgent::Act(std::span<const float> observations, ActMode mode,
                         std::span<float> actions) {
  if (mode == ActMode::kRandom) {
    return DrawRandomActions(exploration_rngs_, spec_.num_actions, actions);
  }
  const WithoutAutograd no_autograd;
  const Scratch::Scope scope(acting_scratch_);
  const auto envs =
      static_cast<std::int64_t>(observations.size()) / (spec_.members() * spec_.observation_size);
  // The copy to the learner's device; `from_blob` only looks.
  const Tensor raw = at::from_blob(const_cast<float*>(observations.data()),
                                   {spec_.members(), envs, spec_.observation_size}, at::kFloat)
                         .to(spec_.device);
  Choose(raw, mode == ActMode::kExplore, exploration_rngs_, actions);
}

void OffPolicyAgent::Observe(const Transitions& transitions) { replay_.Add(transitions); }

SampleOptions OffPolicyAgent::sample_options(const Shard& shard) const {
  return {.batch_size = config_.batch_size,
          .n_step = config_.n_step,
          .gamma = config_.gamma,
          .first_member = shard.first};
}

void OffPolicyAgent::Update() {
  ForEachShard(shards_, [&](const Shard& shard) {
    const auto index = static_cast<std::size_t>(shard.index);
    Inputs& inputs = inputs_[index];
    DrawInputs(shard, inputs);
    const Scratch::Scope scope(scratch_[static_cast<std::size_t>(shard.thread)]);
    graphs_[index].Run(update_kind(), [&] {
      Batch batch = replay_.Gather(inputs.indices, sample_options(shard));
      batch.noise = inputs.noise;
      UpdateShard(shard, batch);
    });
  });
  ++num_updates_;
}

void OffPolicyAgent::UpdateOn(const Batch& batch) {
  ForEachShard(shards_, [&](const Shard& shard) {
    Batch own{.observations = shard.Rows(batch.observations),
              .actions = shard.Rows(batch.actions),
              .rewards = shard.Rows(batch.rewards),
              .next_observations = shard.Rows(batch.next_observations),
              .terminated = shard.Rows(batch.terminated),
              .discounts = shard.Rows(batch.discounts),
              .noise = shard.Rows(batch.noise)};
    if (!own.noise.defined() && noise_size() > 0) {
      own.noise = at::empty({shard.count, own.rewards.size(1), noise_size()}, at::kFloat);
      DrawNoise(shard, own.noise);
      own.noise = own.noise.to(spec_.device);
    }
    UpdateShard(shard, own);
  });
  ++num_updates_;
}

void OffPolicyAgent::UpdateShard(const Shard& shard, const Batch& batch) {
  UpdateMembers(shard, batch);
  CountPendingMetrics(shard);
}

void OffPolicyAgent::DrawInputs(const Shard& shard, Inputs& inputs) {
  const std::int64_t batch = config_.batch_size;
  const auto on_device = at::TensorOptions().device(spec_.device);
  if (!inputs.indices.rows.defined()) {
    inputs.indices.rows = at::empty({shard.count, batch}, on_device.dtype(at::kLong));
    inputs.indices.ages = at::empty({shard.count, batch}, on_device.dtype(at::kLong));
    if (noise_size() > 0) {
      inputs.noise = at::empty({shard.count, batch, noise_size()}, on_device.dtype(at::kFloat));
    }
  }
  const auto rngs =
      std::span(replay_rngs_)
          .subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count));
  if (spec_.device.is_cpu()) {
    replay_.Draw(rngs, sample_options(shard), inputs.indices);
    if (noise_size() > 0) DrawNoise(shard, inputs.noise);
    return;
  }
  // Page-locked memory of LibTorch's pool, which hands a block out again when its copy is done.
  const auto staged = [](const Tensor& like) {
    return at::empty(like.sizes(), like.options().device(at::kCPU).pinned_memory(true));
  };
  const BatchIndices indices{.rows = staged(inputs.indices.rows),
                             .ages = staged(inputs.indices.ages)};
  replay_.Draw(rngs, sample_options(shard), indices);
  inputs.indices.rows.copy_(indices.rows, /*non_blocking=*/true);
  inputs.indices.ages.copy_(indices.ages, /*non_blocking=*/true);
  if (noise_size() == 0) return;
  device_noise().Next(update_rngs(shard), inputs.noise);
}

DeviceNoise& OffPolicyAgent::device_noise() {
  if (!device_noise_) {
    device_noise_.emplace(spec_.members(), config_.batch_size, noise_size(), spec_.device);
  }
  return *device_noise_;
}

void OffPolicyAgent::DrawNoise(const Shard& shard, const Tensor& noise) {
  float* value = noise.mutable_data_ptr<float>();
  for (core::Rng& rng : update_rngs(shard)) {
    for (std::int64_t i = 0; i < noise.size(1) * noise.size(2); ++i) {
      *value++ = static_cast<float>(rng.Normal());
    }
  }
}

void OffPolicyAgent::Step(const Shard& shard, std::string_view name, const Tensor& losses,
                          Tensor& parameters, const Tensor& gradients, Adam& optimizer) {
  const Tensor skip = CheckStep(shard, name, losses, gradients);
  optimizer.Step(parameters, gradients, 1.0, {}, skip);
}

Tensor OffPolicyAgent::CheckStep(const Shard& shard, std::string_view name, const Tensor& losses,
                                 const Tensor& gradients) {
  if (!recorded_) {
    CheckFinite(losses, gradients, name, shard);
    return {};
  }
  // Sets `skip` to 1 where an entry is not finite; the entries themselves it multiplies by 1.
  Tensor skip = at::zeros_like(num_skipped_);
  at::_amp_foreach_non_finite_check_and_unscale_({losses, gradients}, skip, ones_.narrow(0, 0, 1));
  num_skipped_.add_(skip);
  return skip;
}

void OffPolicyAgent::ThrowIfSkipped() {
  if (!recorded_) return;
  const double skipped = num_skipped_.item<double>();
  if (skipped == 0.0) return;
  throw NonFiniteError(
      fmt::format("the losses or gradients of {:.0f} optimizer steps were not finite", skipped));
}

Metrics OffPolicyAgent::TakeMetrics() {
  ThrowIfSkipped();
  Metrics metrics;
  const Tensor counts = metric_counts_.cpu();
  const Tensor sums = metric_sums_.cpu();
  const auto members = static_cast<std::size_t>(spec_.members());
  const float* sum = sums.const_data_ptr<float>();
  const float* count = counts.const_data_ptr<float>();
  for (const std::string& name : metric_names_) {
    if (*count > 0.0F) {
      std::vector<double>& values = metrics[name];
      for (std::size_t m = 0; m < members; ++m) values.push_back(sum[m] / count[m]);
    }
    sum += members;
    count += members;
  }
  ClearMetrics();
  return metrics;
}

void OffPolicyAgent::Save(core::ArchiveWriter& archive) const {
  SavePolicy(archive);
  SaveLearner(archive);
  replay_.Save(archive, "replay");
  SaveStreams(archive, "exploration_rng", exploration_rngs_);
  SaveStreams(archive, "replay_rng", replay_rngs_);
  SaveStreams(archive, "update_rng", update_rngs_);
  SaveTensor(archive, "metric_sums", metric_sums_);
  SaveTensor(archive, "metric_counts", metric_counts_);
  archive.AddNumber("num_updates", num_updates_);
  if (device_noise_) device_noise_->Save(archive, "device_noise");
}

void OffPolicyAgent::Load(const core::ArchiveReader& archive) {
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> members = AllMembers(spec_.members());
  LoadPolicy(archive, members);
  LoadLearner(archive);
  replay_.Load(archive, "replay", members);
  LoadStreams(archive, "exploration_rng", exploration_rngs_);
  LoadStreams(archive, "replay_rng", replay_rngs_);
  LoadStreams(archive, "update_rng", update_rngs_);
  LoadTensor(archive, "metric_sums", metric_sums_);
  LoadTensor(archive, "metric_counts", metric_counts_);
  num_updates_ = archive.GetNumber("num_updates");
  const bool noise = !spec_.device.is_cpu() && archive.Has("device_noise.seeds");
  if (noise) device_noise().Load(archive, "device_noise");
}

std::span<core::Rng> OffPolicyAgent::update_rngs(const Shard& shard) {
  return std::span(update_rngs_)
      .subspan(static_cast<std::size_t>(shard.first), static_cast<std::size_t>(shard.count));
}

Tensor OffPolicyAgent::Targets(const Batch& batch, const Tensor& next_values) const {
  if (!OnHost(next_values)) {
    const Tensor rewards = batch.rewards * config_.reward_scale;
    const Tensor more = 1.0 - batch.terminated;
    if (!batch.discounts.defined()) return at::addcmul(rewards, next_values, more, config_.gamma);
    return at::addcmul(rewards, next_values * batch.discounts, more);
  }
  const bool extended = batch.discounts.defined();
  const HostNumbers rewards(batch.rewards), terminated(batch.terminated), nexts(next_values);
  const HostNumbers discounts(extended ? batch.discounts : batch.rewards);
  const auto reward_scale = static_cast<float>(config_.reward_scale);
  const auto gamma = static_cast<float>(config_.gamma);
  Tensor targets = EmptyLike(next_values, next_values.sizes());
  float* target = targets.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < next_values.size(0); ++m) {
    for (std::int64_t b = 0; b < next_values.size(1); ++b) {
      const float discount = extended ? discounts(m, b) : gamma;
      *target++ = rewards(m, b) * reward_scale + nexts(m, b) * discount * (1.0F - terminated(m, b));
    }
  }
  return targets;
}

void OffPolicyAgent::AddMetric(const Shard& shard, std::size_t index, const Tensor& values) {
  const auto row = static_cast<std::int64_t>(index);
  if (!recorded_) {
    // Next to small networks the operations below would take a tenth of an update.
    const std::int64_t place = row * spec_.members() + shard.first;
    float* sum = metric_sums_.mutable_data_ptr<float>() + place;
    float* count = metric_counts_.mutable_data_ptr<float>() + place;
    const float* value = values.const_data_ptr<float>();
    for (std::int64_t m = 0; m < shard.count; ++m) {
      *sum++ += value[m * values.stride(0)];
      *count++ += 1.0F;
    }
    return;
  }
  std::vector<Tensor>& pending = pending_metrics_[static_cast<std::size_t>(shard.index)];
  pending.resize(metric_names_.size());
  pending[index] = values;
}

void OffPolicyAgent::CountPendingMetrics(const Shard& shard) {
  std::vector<Tensor>& pending = pending_metrics_[static_cast<std::size_t>(shard.index)];
  if (pending.empty()) return;
  std::vector<Tensor> counts;
  for (Tensor& values : pending) {
    counts.push_back(shard.Rows(values.defined() ? ones_ : zeros_));
    if (!values.defined()) values = counts.back();
  }
  metric_sums_.narrow(1, shard.first, shard.count).add_(at::stack(pending));
  metric_counts_.narrow(1, shard.first, shard.count).add_(at::stack(counts));
  pending.clear();
}

void OffPolicyAgent::ClearMetrics() {
  metric_sums_.zero_();
  metric_counts_.zero_();
}

void CheckFinite(const Tensor& losses, const Tensor& gradients, std::string_view name,
                 const Shard& shard) {
  const bool on_host = losses.is_cpu() && losses.is_contiguous() && gradients.is_contiguous();
  if (on_host ? AllFinite(losses) && AllFinite(gradients)
              : std::isfinite((losses.sum() + gradients.sum()).item<float>())) {
    return;
  }
  const auto check = [&](const Tensor& values, std::string_view quantity) {
    const Tensor host = values.cpu();
    for (std::int64_t m = 0; m < host.size(0); ++m) {
      const float value = host[m].item<float>();
      if (std::isfinite(value)) continue;
      throw NonFiniteError(fmt::format("the {} {} of member {} is {}", name, quantity,
                                       shard.first + m,
                                       std::isnan(value) ? std::abs(value) : value));
    }
  };
  check(losses, "loss");
  check(at::linalg_vector_norm(gradients.reshape({losses.size(0), -1}), 2, {1}), "gradient norm");
  throw NonFiniteError(fmt::format("the {} gradients of all members together overflow", name));
}

void DrawRandomActions(std::span<core::Rng> rngs, std::int64_t num_actions,
                       std::span<float> actions) {
  const std::size_t per_member = actions.size() / rngs.size();
  for (std::size_t i = 0; i < actions.size(); ++i) {
    core::Rng& rng = rngs[i / per_member];
    actions[i] = num_actions > 0 ? static_cast<float>(rng.Index(num_actions))
                                 : static_cast<float>(rng.Uniform(-1.0, 1.0));
  }
}

}  // namespace duet::agents
