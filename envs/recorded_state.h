// Starting an environment from a simulator state that was written down elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace duet::envs {

// A state of a rigid-body simulation between two steps.
struct RecordedState {
  std::int64_t step = 0;          // steps since the reset; 0: a state right after the reset
  std::vector<double> qpos = {};  // [nq]
  std::vector<double> qvel = {};  // [nv]
  std::vector<double> qacc_warmstart = {};  // [nv]
  double time = 0.0;                        // s
  // x of the quantity whose change is the forward velocity, where it lags behind qpos and therefore
  // does not follow from it (Humanoid: centre of mass).
  std::optional<double> lagged_x = std::nullopt;
};

// An environment that can continue from such a state.
class Replayable {
 public:
  virtual ~Replayable() = default;

  // Continues from `state` and writes the observation there ([O]). Where the observation contains
  // quantities that lag behind qpos, these are exact only for a state right after a reset. Throws
  // ConfigError where the state's sizes are not those of the environment.
  virtual void StartFrom(const RecordedState& state, std::span<double> observation) = 0;
};

}  // namespace duet::envs
