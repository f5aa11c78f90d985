#include "agents/twin_critics.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <tuple>

namespace duet::agents {
namespace {

constexpr std::int64_t kCritics = 2;  // per member

MlpShape StackShape(const OffPolicyConfig& config, const AgentSpec& spec) {
  return {.members = kCritics * spec.members(),
          .input = spec.observation_size + spec.action_size,
          .hidden = config.hidden,
          .output = 1,
          .precision = spec.precision};
}

// The same input for both critics of each member: [2m, B, O + A].
Tensor StackInput(const Tensor& observations, const Tensor& actions) {
  const Tensor input = at::cat({observations, actions}, 2).unsqueeze(1);
  return input.expand({-1, kCritics, -1, -1}).flatten(0, 1);
}

// Rows of the stack by member: [2m, …] -> [m, 2, …].
Tensor ByMember(const Tensor& stack) { return stack.unflatten(0, {-1, kCritics}); }

Tensor MinimumOf(const Mlp& critics, const Tensor& observations, const Tensor& actions) {
  const Tensor values = critics.Forward(StackInput(observations, actions));  // [2m, B, 1]
  return ByMember(values.squeeze(2)).amin(1);
}

}  // namespace

TwinCritics::TwinCritics(const TargetNetworkConfig& config, const AgentSpec& spec,
                         double learning_rate)
    : tau_(config.tau),
      critics_(StackShape(config, spec), spec.device),
      targets_(StackShape(config, spec), spec.device),
      first_(critics_.Slice(0, spec.members(), kCritics)),
      optimizer_({.learning_rate = learning_rate}, critics_.parameters()) {}

TwinCritics::TwinCritics(const TwinCritics& all, const Shard& shard)
    : tau_(all.tau_),
      critics_(all.critics_.Slice(kCritics * shard.first, kCritics * shard.count)),
      targets_(all.targets_.Slice(kCritics * shard.first, kCritics * shard.count)),
      first_(critics_.Slice(0, shard.count, kCritics)),
      optimizer_(all.optimizer_.Slice(kCritics * shard.first, kCritics * shard.count)) {}

void TwinCritics::Initialize(std::span<core::Rng> rngs, const InitializationConfig& config) {
  agents::Initialize(critics_, rngs, config);
  SyncTargets();
}

void TwinCritics::SyncTargets() { targets_.parameters().copy_(critics_.parameters()); }

TwinCritics TwinCritics::Slice(const Shard& shard) const { return {*this, shard}; }

Tensor TwinCritics::Minimum(const Tensor& observations, const Tensor& actions) const {
  return MinimumOf(critics_, observations, actions);
}

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

TwinCritics::Gradient TwinCritics::MinimumByAction(const Tensor& observations,
                                                   const Tensor& actions) const {
  Mlp::Tape tape;
  const Tensor values = ByMember(critics_.Forward(StackInput(observations, actions), tape));
  const auto [smaller, index] = values.min(1, /*keepdim=*/true);  // [m, 1, B, 1]
  const Tensor chosen = at::zeros_like(values).scatter_(1, index, 1.0).flatten(0, 1);
  const Tensor by_action =
      critics_.InputGradient(tape, chosen, observations.size(2), actions.size(2));
  return {smaller.squeeze(3).squeeze(1), ByMember(by_action).sum(1)};
}

TwinCritics::Fit TwinCritics::Differentiate(const Tensor& observations, const Tensor& actions,
                                            const Tensor& targets, double loss_factor) {
  Mlp::Tape tape;
  const Tensor values = critics_.Forward(StackInput(observations, actions), tape);  // [2m, B, 1]
  const Tensor errors = ByMember(values.squeeze(2)) - targets.unsqueeze(1);         // [m, 2, B]
  const auto batch = static_cast<double>(targets.size(1));
  critics_.Backward(tape, (errors * (2.0 * loss_factor / batch)).view_as(values));
  return {errors.square().sum({1, 2}).mul_(loss_factor / batch), ByMember(values).mean({1, 2, 3})};
}

void TwinCritics::MoveTargets() { targets_.parameters().lerp_(critics_.parameters(), tau_); }

void TwinCritics::SavePolicy(core::ArchiveWriter& archive) const {
  critics_.Save(archive, "critic");
}

void TwinCritics::LoadPolicy(const core::ArchiveReader& archive,
                             std::span<const std::int64_t> members) {
  critics_.Load(archive, "critic", StackRows(members, kCritics));
  SyncTargets();
}

void TwinCritics::SaveLearner(core::ArchiveWriter& archive) const {
  targets_.Save(archive, "target_critic");
  optimizer_.Save(archive, "critic_optimizer");
}

void TwinCritics::LoadLearner(const core::ArchiveReader& archive) {
  targets_.Load(archive, "target_critic");
  optimizer_.Load(archive, "critic_optimizer");
}

}  // namespace duet::agents
