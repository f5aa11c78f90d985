// Generalised advantage estimation.
#pragma once

#include <cstdint>
#include <span>

namespace duet::agents {

// One member's rollout: T steps of E environments, [T, E] row by row.
struct GaeRollout {
  std::span<const float> rewards;
  std::span<const float> values;       // V of what the policy saw
  std::span<const float> next_values;  // V of what came next, before any reset
  std::span<const std::uint8_t> terminated;
  std::span<const std::uint8_t> truncated;
  std::int64_t envs = 1;  // E
};

// Writes the advantages, [T, E] (arXiv:1506.02438, Eq. 16): sums of temporal differences,
// discounted by gamma lambda up to the end of the episode or of the rollout. Nothing is worth
// anything after a termination; a truncation and the rollout's end bootstrap from next_values.
void EstimateAdvantages(const GaeRollout& rollout, double gamma, double lambda,
                        std::span<float> advantages);

}  // namespace duet::agents
