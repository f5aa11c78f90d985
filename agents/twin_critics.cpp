#include "agents/twin_critics.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <tuple>
#include <utility>

#include "agents/host_loops.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kCritics = 2;  // per member

// NaN where one is, as at::minimum.
float Smaller(float a, float b) { return a < b || a != a ? a : b; }

// Calls function(i, j) for every sample of every member in order, with its places in a stack of
// twins without gaps, [2m, B].
template <typename Function>
void ForEachTwin(std::int64_t members, std::int64_t batch, const Function& function) {
  for (std::int64_t m = 0; m < members; ++m) {
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t first = kCritics * m * batch + b;
      function(first, first + batch);
    }
  }
}

template <typename Network>
Tensor MinimumOf(const Network& critics, const Tensor& observations, const Tensor& actions) {
  const Tensor values = critics.Forward(TwinInput(observations, actions));  // [2m, B, 1]
  if (!OnHost(values)) return TwinsByMember(values.squeeze(2)).amin(1);
  Tensor smaller = EmptyLike(values, {observations.size(0), observations.size(1)});
  const float* value = values.const_data_ptr<float>();
  float* out = smaller.mutable_data_ptr<float>();
  ForEachTwin(smaller.size(0), smaller.size(1),
              [&](std::int64_t i, std::int64_t j) { *out++ = Smaller(value[i], value[j]); });
  return smaller;
}

}  // namespace

MlpShape TwinShape(const AgentSpec& spec, const std::vector<std::int64_t>& hidden) {
  return {.members = kCritics * spec.members(),
          .input = spec.observation_size + spec.action_size,
          .hidden = hidden,
          .output = 1,
          .precision = spec.precision};
}

Tensor TwinInput(const Tensor& observations, const Tensor& actions) {
  return JoinColumns(observations, actions, kCritics);
}

Tensor TwinsByMember(const Tensor& stack) { return stack.unflatten(0, {-1, kCritics}); }

template <typename Network>
TwinCriticsOf<Network>::TwinCriticsOf(Network critics, const AdamConfig& adam)
    : critics_(std::move(critics)), optimizer_(adam, critics_.parameters()) {}

template <typename Network>
TwinCriticsOf<Network>::TwinCriticsOf(Network critics, Adam optimizer)
    : critics_(std::move(critics)), optimizer_(std::move(optimizer)) {}

template <typename Network>
void TwinCriticsOf<Network>::Initialize(std::span<core::Rng> rngs,
                                        const InitializationConfig& config) {
  agents::Initialize(critics_, rngs, config);
}

template <typename Network>
TwinCriticsOf<Network> TwinCriticsOf<Network>::Slice(const Shard& shard) const {
  return {critics_.Slice(kCritics * shard.first, kCritics * shard.count),
          optimizer_.Slice(kCritics * shard.first, kCritics * shard.count)};
}

template <typename Network>
Tensor TwinCriticsOf<Network>::Minimum(const Tensor& observations, const Tensor& actions) const {
  return MinimumOf(critics_, observations, actions);
}

template <typename Network>
typename TwinCriticsOf<Network>::Gradient TwinCriticsOf<Network>::MinimumByAction(
    const Tensor& observations, const Tensor& actions) const {
  typename Network::Tape tape;
  const Tensor stack = critics_.Forward(TwinInput(observations, actions), tape);  // [2m, B, 1]
  const auto differentiate = [&](const Tensor& by_values) {
    return critics_.InputGradient(tape, by_values, observations.size(2), actions.size(2));
  };
  if (!OnHost(stack)) {
    const Tensor values = TwinsByMember(stack);
    const auto [smaller, index] = values.min(1, /*keepdim=*/true);  // [m, 1, B, 1]
    const Tensor chosen = at::zeros_like(values).scatter_(1, index, 1.0).flatten(0, 1);
    return {smaller.squeeze(3).squeeze(1), TwinsByMember(differentiate(chosen)).sum(1)};
  }
  const std::int64_t members = actions.size(0), batch = actions.size(1), width = actions.size(2);
  Tensor smaller = EmptyLike(stack, {members, batch});
  Tensor chosen = EmptyLike(stack, stack.sizes());
  const float* value = stack.const_data_ptr<float>();
  float* out = smaller.mutable_data_ptr<float>();
  float* share = chosen.mutable_data_ptr<float>();
  ForEachTwin(members, batch, [&](std::int64_t i, std::int64_t j) {
    *out++ = Smaller(value[i], value[j]);
    share[i] = value[j] < value[i] ? 0.0F : 1.0F;
    share[j] = 1.0F - share[i];
  });
  const Tensor by_twins = differentiate(chosen);  // [2m, B, A]
  Tensor by_action = EmptyLike(stack, actions.sizes());
  const float* twin = by_twins.const_data_ptr<float>();
  float* sum = by_action.mutable_data_ptr<float>();
  ForEachTwin(members, batch, [&](std::int64_t i, std::int64_t j) {
    for (std::int64_t a = 0; a < width; ++a) *sum++ = twin[i * width + a] + twin[j * width + a];
  });
  return {smaller, by_action};
}

template <typename Network>
void TwinCriticsOf<Network>::SavePolicy(core::ArchiveWriter& archive) const {
  critics_.Save(archive, "critic");
}

template <typename Network>
void TwinCriticsOf<Network>::LoadPolicy(const core::ArchiveReader& archive,
                                        std::span<const std::int64_t> members) {
  critics_.Load(archive, "critic", StackRows(members, kCritics));
}

template <typename Network>
void TwinCriticsOf<Network>::SaveLearner(core::ArchiveWriter& archive) const {
  optimizer_.Save(archive, "critic_optimizer");
}

template <typename Network>
void TwinCriticsOf<Network>::LoadLearner(const core::ArchiveReader& archive) {
  optimizer_.Load(archive, "critic_optimizer");
}

template class TwinCriticsOf<Mlp>;
template class TwinCriticsOf<BatchRenormMlp>;

TwinFit FitTwins(const Tensor& values, const Tensor& targets, double loss_factor) {
  const std::int64_t members = targets.size(0), batch = targets.size(1);
  const double share = loss_factor / static_cast<double>(batch);
  if (!OnHost(values)) {
    const Tensor by_member = TwinsByMember(values.squeeze(2));
    const Tensor errors = by_member - targets.unsqueeze(1);  // [m, 2, B]
    return {.losses = errors.square().sum({1, 2}).mul_(share),
            .mean_values = by_member.mean({1, 2}),
            .by_values = (errors * (2.0 * share)).view_as(values)};
  }
  const HostNumbers value(values), target(targets);
  TwinFit fit{.losses = EmptyLike(values, {members}),
              .mean_values = EmptyLike(values, {members}),
              .by_values = EmptyLike(values, values.sizes())};
  const auto slope = static_cast<float>(2.0 * share);
  float* by_value = fit.by_values.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < members; ++m) {
    double squares = 0.0, sum = 0.0;
    for (std::int64_t row = kCritics * m; row < kCritics * (m + 1); ++row) {
      for (std::int64_t b = 0; b < batch; ++b) {
        const float error = value(row, b) - target(m, b);
        squares += error * error;
        sum += value(row, b);
        *by_value++ = error * slope;
      }
    }
    fit.losses.mutable_data_ptr<float>()[m] = static_cast<float>(squares * share);
    fit.mean_values.mutable_data_ptr<float>()[m] =
        static_cast<float>(sum / static_cast<double>(kCritics * batch));
  }
  return fit;
}

TwinCritics::TwinCritics(const TargetNetworkConfig& config, const AgentSpec& spec,
                         double learning_rate)
    : TwinCriticsOf({TwinShape(spec, config.hidden), spec.device},
                    {.learning_rate = learning_rate}),
      tau_(config.tau),
      targets_(TwinShape(spec, config.hidden), spec.device),
      first_(network().Slice(0, spec.members(), kCritics)) {}

TwinCritics::TwinCritics(const TwinCritics& all, const Shard& shard)
    : TwinCriticsOf(all.TwinCriticsOf::Slice(shard)),
      tau_(all.tau_),
      targets_(all.targets_.Slice(kCritics * shard.first, kCritics * shard.count)),
      first_(network().Slice(0, shard.count, kCritics)) {}

void TwinCritics::Initialize(std::span<core::Rng> rngs, const InitializationConfig& config) {
  TwinCriticsOf::Initialize(rngs, config);
  SyncTargets();
}

void TwinCritics::SyncTargets() { targets_.parameters().copy_(network().parameters()); }

TwinCritics TwinCritics::Slice(const Shard& shard) const { return {*this, shard}; }

Tensor TwinCritics::TargetMinimum(const Tensor& observations, const Tensor& actions) const {
  return MinimumOf(targets_, observations, actions);
}

TwinCritics::Gradient TwinCritics::FirstByAction(const Tensor& observations,
                                                 const Tensor& actions) const {
  Mlp::Tape tape;
  const Tensor values = first_.Forward(JoinColumns(observations, actions), tape);
  return {values.squeeze(2),
          first_.InputGradient(tape, at::ones_like(values), observations.size(2), actions.size(2))};
}

TwinFit TwinCritics::Differentiate(const Tensor& observations, const Tensor& actions,
                                   const Tensor& targets, double loss_factor) {
  Mlp::Tape tape;
  const Tensor values = network().Forward(TwinInput(observations, actions), tape);  // [2m, B, 1]
  TwinFit fit = FitTwins(values, targets, loss_factor);
  network().Backward(tape, fit.by_values);
  return fit;
}

void TwinCritics::MoveTargets() {
  MoveTowards(targets_.parameters(), network().parameters(), tau_);
}

void TwinCritics::LoadPolicy(const core::ArchiveReader& archive,
                             std::span<const std::int64_t> members) {
  TwinCriticsOf::LoadPolicy(archive, members);
  SyncTargets();
}

void TwinCritics::SaveLearner(core::ArchiveWriter& archive) const {
  targets_.Save(archive, "target_critic");
  TwinCriticsOf::SaveLearner(archive);
}

void TwinCritics::LoadLearner(const core::ArchiveReader& archive) {
  targets_.Load(archive, "target_critic");
  TwinCriticsOf::LoadLearner(archive);
}

}  // namespace duet::agents
