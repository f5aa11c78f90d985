// Recorded episodes of the reference implementation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "envs/env.h"
#include "envs/env_options.h"
#include "envs/recorded_state.h"

namespace duet::envs {

// An action as recorded: the numbers of a box ([A], possibly beyond the useful range) or an index.
using RecordedAction = std::variant<std::vector<float>, std::int64_t>;
ActionView View(const RecordedAction& action);

// One recorded episode of T steps. It stops at the first end.
struct Trace {
  std::filesystem::path path;
  std::string env_id;
  EnvOptions options;                     // settings that differ from the defaults
  std::optional<std::uint64_t> seed;      // with which the episode was started
  bool has_reset_options = false;         // the start was drawn in another way than by default
  std::string mujoco_version;             // that simulated it; empty: not recorded
  std::int64_t max_episode_steps = 0;     // step limit; 0: none
  std::int64_t frame_skip = 0;            // physics steps per step; 0: not recorded
  RecordedState start;                    // right after the reset, with `step_draws` where recorded
  std::vector<double> first_observation;  // [O]
  std::vector<RecordedAction> actions;    // [T]
  std::vector<std::int64_t> observation_steps;    // [K] ascending, in 1 … T
  std::vector<std::vector<double>> observations;  // [K][O] after these steps
  std::vector<double> rewards;                    // [T]
  std::vector<bool> terminated;                   // [T] true at most in the last step
  std::vector<bool> truncated;                    // [T] likewise
  std::vector<RecordedState> states;              // checkpoints, ascending in `step`

  std::int64_t num_steps() const { return static_cast<std::int64_t>(actions.size()); }  // T
};

// Reads a trace file (JSON, format 1) and checks every field that a replay uses. Throws IoError
// with one line: the path, the field, what was found, and what is allowed.
Trace ReadTrace(const std::filesystem::path& path);

}  // namespace duet::envs
