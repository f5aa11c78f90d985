#include "agents/twin_critics.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <tuple>
#include <utility>

namespace duet::agents {
namespace {

constexpr std::int64_t kCritics = 2;  // per member

template <typename Network>
Tensor MinimumOf(const Network& critics, const Tensor& observations, const Tensor& actions) {
  const Tensor values = critics.Forward(TwinInput(observations, actions));  // [2m, B, 1]
  return TwinsByMember(values.squeeze(2)).amin(1);
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
  const Tensor input = at::cat({observations, actions}, 2).unsqueeze(1);
  return input.expand({-1, kCritics, -1, -1}).flatten(0, 1);
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
  const Tensor values = TwinsByMember(critics_.Forward(TwinInput(observations, actions), tape));
  const auto [smaller, index] = values.min(1, /*keepdim=*/true);  // [m, 1, B, 1]
  const Tensor chosen = at::zeros_like(values).scatter_(1, index, 1.0).flatten(0, 1);
  const Tensor by_action =
      critics_.InputGradient(tape, chosen, observations.size(2), actions.size(2));
  return {smaller.squeeze(3).squeeze(1), TwinsByMember(by_action).sum(1)};
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
  const Tensor errors = values - targets.unsqueeze(1);  // [m, 2, B]
  const auto batch = static_cast<double>(targets.size(1));
  return {.losses = errors.square().sum({1, 2}).mul_(loss_factor / batch),
          .mean_values = values.mean({1, 2}),
          .by_values = errors * (2.0 * loss_factor / batch)};
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
  const Tensor values = first_.Forward(at::cat({observations, actions}, 2), tape);
  return {values.squeeze(2),
          first_.InputGradient(tape, at::ones_like(values), observations.size(2), actions.size(2))};
}

TwinFit TwinCritics::Differentiate(const Tensor& observations, const Tensor& actions,
                                   const Tensor& targets, double loss_factor) {
  Mlp::Tape tape;
  const Tensor values = network().Forward(TwinInput(observations, actions), tape);  // [2m, B, 1]
  TwinFit fit = FitTwins(TwinsByMember(values.squeeze(2)), targets, loss_factor);
  network().Backward(tape, fit.by_values.view_as(values));
  return fit;
}

void TwinCritics::MoveTargets() { targets_.parameters().lerp_(network().parameters(), tau_); }

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
