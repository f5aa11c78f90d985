#include "agents/gae.h"

#include <cstddef>

namespace duet::agents {

void EstimateAdvantages(const GaeRollout& rollout, double gamma, double lambda,
                        std::span<float> advantages) {
  const auto envs = static_cast<std::size_t>(rollout.envs);
  const std::size_t size = rollout.rewards.size();
  for (std::size_t i = size; i-- > 0;) {
    const bool terminated = rollout.terminated[i] != 0;
    const bool goes_on = !terminated && rollout.truncated[i] == 0 && i + envs < size;
    double advantage = static_cast<double>(rollout.rewards[i]) - rollout.values[i];
    if (!terminated) advantage += gamma * rollout.next_values[i];
    if (goes_on) advantage += gamma * lambda * advantages[i + envs];
    advantages[i] = static_cast<float>(advantage);
  }
}

}  // namespace duet::agents
