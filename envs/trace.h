// Recorded episodes of the reference implementation, and how far a replay of them deviates.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "envs/env_options.h"
#include "envs/recorded_state.h"

namespace duet::envs {

// One recorded episode of T steps. It stops at the first end.
struct Trace {
  std::filesystem::path path;
  std::string env_id;
  EnvOptions options;                             // settings that differ from the defaults
  std::int64_t max_episode_steps = 0;             // step limit; 0: none
  std::int64_t frame_skip = 0;                    // physics steps per step; 0: not recorded
  RecordedState start;                            // right after the reset
  std::vector<double> first_observation;          // [O]
  std::vector<std::vector<float>> actions;        // [T][A], possibly beyond the useful range
  std::vector<std::int64_t> observation_steps;    // [K] ascending, in 1 … T
  std::vector<std::vector<double>> observations;  // [K][O] after these steps
  std::vector<double> rewards;                    // [T]
  std::vector<bool> terminated;                   // [T] true at most in the last step
  std::vector<bool> truncated;                    // [T] likewise
  std::vector<RecordedState> states;              // checkpoints, ascending in `step`
};

// Reads a trace file (JSON, format 1) and checks every field that a replay uses. Throws IoError
// with one line: the path, the field, what was found, and what is allowed.
Trace ReadTrace(const std::filesystem::path& path);

// A largest difference and where it is.
struct Deviation {
  double value = 0.0;
  std::int64_t step = 0;   // of the episode; 0: right after the reset
  std::int64_t index = 0;  // in the observation; 0 for rewards
};

struct ReplayReport {
  std::string env_id;
  std::int64_t num_steps = 0;    // T
  std::int64_t num_windows = 0;  // reset and checkpoints
  bool model_bit_equal = false;  // the compiled model and the reference's
  // Over windows of 20 steps, each started from a recorded state.
  Deviation window_observation;
  Deviation window_reward;
  std::int64_t window_flag_mismatches = 0;
  // Over the whole episode, started from its first state. Where the dynamics are chaotic, rounding
  // alone makes these grow to any size, unless model and engine are bit-equal.
  Deviation episode_observation;
  Deviation episode_reward;
  std::int64_t episode_flag_mismatches = 0;
  std::int64_t first_flag_mismatch = 0;  // its step; 0: none

  double observation_tolerance = 0.0;
  double reward_tolerance = 0.0;
  // Windows within the tolerances, and the same flags in them; with a bit-equal model in the whole
  // episode too.
  bool passed = false;
};

// Replays a trace. Throws IoError naming the path where the trace does not fit the environment
// (unknown id or option, other sizes).
ReplayReport ReplayTrace(const Trace& trace);

}  // namespace duet::envs
