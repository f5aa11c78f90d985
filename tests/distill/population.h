// DDPG learners with made-up experience, as students, peers and teachers.
#pragma once

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <memory>
#include <vector>

#include "agents/ddpg.h"

namespace duet::distill {

constexpr std::int64_t kObservationSize = 3;
constexpr std::int64_t kActionSize = 2;

inline agents::DdpgConfig SmallDdpg() {
  agents::DdpgConfig config;
  config.hidden = {8};
  config.batch_size = 16;
  config.final_layer_scale = 0.0;
  return config;
}

inline std::unique_ptr<agents::Agent> MakePopulation(
    std::vector<std::uint64_t> seeds, const agents::DdpgConfig& config = SmallDdpg()) {
  at::set_num_threads(1);  // the networks are too small for more
  agents::AgentSpec spec;
  spec.observation_size = kObservationSize;
  spec.action_size = kActionSize;
  spec.member_seeds = std::move(seeds);
  spec.replay_capacity = 100;
  return agents::MakeDdpg(config, spec);
}

// Experience that shows whose it is: an observation holds the member's seed, the step, and a number
// that depends on both.
inline void Live(agents::Agent& agent, int steps) {
  const std::size_t members = agent.spec().member_seeds.size();
  for (int step = 0; step < steps; ++step) {
    std::vector<float> observations, actions;
    std::vector<double> rewards;
    for (const std::uint64_t seed : agent.spec().member_seeds) {
      const float x = std::sin(static_cast<float>(step) * (1.0F + static_cast<float>(seed)));
      observations.insert(observations.end(),
                          {static_cast<float>(seed), static_cast<float>(step), x});
      actions.insert(actions.end(), {x, -x});
      rewards.push_back(x);
    }
    const std::vector<std::uint8_t> flags(members, 0);
    agent.Observe({observations, actions, rewards, observations, flags, flags});
  }
}

inline at::Tensor SomeObservations(std::int64_t members, std::int64_t batch) {
  return at::sin(at::arange(members * batch * kObservationSize, at::kFloat) * 1.7)
      .view({members, batch, kObservationSize});
}

inline bool SameBits(const at::Tensor& a, const at::Tensor& b) { return at::equal(a, b); }

}  // namespace duet::distill
