// How fast environments step, beside the physics alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace duet::envs {

struct SteppingRateSettings {
  std::int64_t num_envs = 64;    // >= 1
  std::int64_t num_threads = 2;  // >= 1
  double seconds = 2.0;          // per side, > 0
  std::uint64_t seed = 0;        // of actions and episodes
};

struct SteppingRate {
  double steps_per_second = 0.0;       // of a VectorEnv, summed over its environments
  double bare_steps_per_second = 0.0;  // of the physics alone, on as many threads
  // Median over the rounds of VectorEnv / physics alone. The two are timed in turns, so that
  // whatever else the machine does meets both.
  double ratio = 0.0;
  std::int64_t num_rounds = 0;
};

// Times a VectorEnv of `id` against a loop that only calls mj_step frame_skip times (and what else
// of the physics the task needs), with the same random actions and the same resets, each thread
// running through its own part of the environments without waiting for the others. Throws
// ConfigError on an unknown id, a task without such a loop, or settings out of range.
SteppingRate MeasureSteppingRate(std::string_view id, const SteppingRateSettings& settings);

}  // namespace duet::envs
