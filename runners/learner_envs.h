// The environments of a run side by side, stepped with actions as agents give them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "envs/vector_env.h"

namespace duet::runners {

// A VectorEnv (envs/vector_env.h has the meaning of what it shows) for learners: a discrete action
// comes as one number, its index.
class LearnerEnvs {
 public:
  // As VectorEnv's.
  LearnerEnvs(const std::function<std::unique_ptr<envs::Env>()>& make, std::int64_t count,
              std::int64_t num_threads);

  const envs::EnvSpec& spec() const { return envs_.spec(); }
  std::int64_t size() const { return envs_.size(); }  // N
  // A: AgentActionSize.
  std::int64_t action_size() const;

  void Reset(std::span<const std::uint64_t> seeds) { envs_.Reset(seeds); }
  // Steps every environment; `actions` is [N, A] as from agents::Agent::Act.
  void Step(std::span<const float> actions);

  std::span<const float> observations() const { return envs_.observations(); }
  std::span<const float> final_observations() const { return envs_.final_observations(); }
  std::span<const double> rewards() const { return envs_.rewards(); }
  std::span<const std::uint8_t> terminated() const { return envs_.terminated(); }
  std::span<const std::uint8_t> truncated() const { return envs_.truncated(); }

  std::string SaveState() const { return envs_.SaveState(); }
  void LoadState(const std::string& state) { envs_.LoadState(state); }

 private:
  envs::VectorEnv envs_;
  std::vector<std::int64_t> indices_;  // [N] of discrete actions
};

}  // namespace duet::runners
