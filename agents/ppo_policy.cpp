#include "agents/ppo_policy.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "agents/ppo_objective.h"

namespace duet::agents {
namespace {

MlpShape ActorShape(const PpoConfig& config, const AgentSpec& spec) {
  return {.members = spec.members(),
          .input = spec.observation_size,
          .hidden = config.hidden,
          .output = spec.discrete() ? spec.num_actions : spec.action_size,
          .activation = config.activation,
          .free_parameters = spec.discrete() ? 0 : spec.action_size,
          .precision = spec.precision};
}

// Row by row of [M, B, width] on the host; calls function(member, index of the row, row).
template <typename Function>
void ForEachRow(const Tensor& outputs, const Function& function) {
  const Tensor host = outputs.cpu().contiguous();
  const auto width = static_cast<std::size_t>(host.size(2));
  const std::span values(host.const_data_ptr<float>(), static_cast<std::size_t>(host.numel()));
  const auto per_member = static_cast<std::size_t>(host.size(1));
  for (std::size_t i = 0; i * width < values.size(); ++i) {
    function(i / per_member, i, values.subspan(i * width, width));
  }
}

std::size_t DrawIndex(std::span<const float> log_probs, core::Rng& rng) {
  double left = rng.Uniform(0.0, 1.0);
  for (std::size_t i = 0; i + 1 < log_probs.size(); ++i) {
    left -= std::exp(log_probs[i]);
    if (left < 0.0) return i;
  }
  return log_probs.size() - 1;
}

// [M, A] of the Gaussian, on the host.
Tensor LogStd(const Mlp& network) { return network.free_parameters().cpu().contiguous(); }

std::span<const float> MemberRow(const Tensor& rows, std::size_t member) {
  const auto width = static_cast<std::size_t>(rows.size(1));
  return {rows.const_data_ptr<float>() + member * width, width};
}

}  // namespace

PpoPolicy::PpoPolicy(const PpoConfig& config, const AgentSpec& spec)
    : NetworkPolicy({spec.members(), spec.observation_size, config.normalize_observations,
                     config.observation_clip, spec.device},
                    {ActorShape(config, spec), spec.device}),
      discrete_(spec.discrete()) {
  network.free_parameters().fill_(config.initial_log_std);
}

PolicyOutput PpoPolicy::Interpret(const Tensor& output, const Tensor& free_parameters) const {
  if (!discrete_) return {.mean = output, .log_std = free_parameters.unsqueeze(1)};
  return {.mean = output.detach().argmax(2, /*keepdim=*/true).to(at::kFloat),
          .log_std = {},
          .logits = output};
}

void PpoPolicy::Likeliest(const Tensor& outputs, std::span<float> actions) const {
  ForEachRow(outputs, [&](std::size_t /*member*/, std::size_t i, std::span<const float> row) {
    if (discrete_) {
      actions[i] = static_cast<float>(std::max_element(row.begin(), row.end()) - row.begin());
      return;
    }
    for (std::size_t j = 0; j < row.size(); ++j) {
      actions[i * row.size() + j] = std::clamp(row[j], -1.0F, 1.0F);
    }
  });
}

void PpoPolicy::Draw(const Tensor& outputs, std::span<core::Rng> rngs, std::span<float> actions,
                     std::span<float> log_probs) const {
  const Tensor log_std = LogStd(network);
  std::vector<float> row_log_probs(static_cast<std::size_t>(outputs.size(2)));
  ForEachRow(outputs, [&](std::size_t member, std::size_t i, std::span<const float> row) {
    if (discrete_) {
      LogSoftmax(row, row_log_probs);
      const std::size_t index = DrawIndex(row_log_probs, rngs[member]);
      actions[i] = static_cast<float>(index);
      log_probs[i] = row_log_probs[index];
      return;
    }
    const std::span action = actions.subspan(i * row.size(), row.size());
    const std::span std = MemberRow(log_std, member);
    for (std::size_t j = 0; j < row.size(); ++j) {
      action[j] = row[j] + static_cast<float>(std::exp(std[j]) * rngs[member].Normal());
    }
    log_probs[i] = GaussianLogProb(action, row, std);
  });
}

void PpoPolicy::LogProbs(const Tensor& outputs, std::span<const float> actions,
                         std::span<float> log_probs) const {
  const Tensor log_std = LogStd(network);
  std::vector<float> row_log_probs(static_cast<std::size_t>(outputs.size(2)));
  ForEachRow(outputs, [&](std::size_t member, std::size_t i, std::span<const float> row) {
    if (discrete_) {
      LogSoftmax(row, row_log_probs);
      log_probs[i] = row_log_probs[static_cast<std::size_t>(actions[i])];
    } else {
      log_probs[i] = GaussianLogProb(actions.subspan(i * row.size(), row.size()), row,
                                     MemberRow(log_std, member));
    }
  });
}

}  // namespace duet::agents
