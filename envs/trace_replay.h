// How far an environment deviates from a recorded episode.
#pragma once

#include <cstdint>
#include <string>

#include "envs/registry.h"
#include "envs/trace.h"

namespace duet::envs {

// A largest difference and where it is.
struct Deviation {
  double value = 0.0;
  std::int64_t step = 0;   // of the episode; 0: right after the reset
  std::int64_t index = 0;  // in the observation; 0 for rewards
};

// What was found in a part of an episode, or in several such parts.
struct StretchReport {
  Deviation observation;
  Deviation reward;
  std::int64_t flag_mismatches = 0;
  std::int64_t first_flag_mismatch = 0;  // its step; 0: none

  bool Within(const ReplayTolerance& tolerance) const;
};

// What the recorded seed gives when an environment is reset with it.
enum class SeedCheck {
  kNotApplicable,  // no seed, or a start that the seed alone does not decide
  kSameEpisode,    // the recorded first observation bit for bit, and the same episode after it
  kOtherStart,
  kOtherSteps,  // the same start, but past the tolerance later
};

struct ReplayReport {
  std::string env_id;
  std::int64_t num_steps = 0;    // T
  std::int64_t num_windows = 0;  // the reset and the checkpoints from which windows were started
  // Whether the environment computes what the reference does to the last bit, so that the whole
  // episode is held to the tolerance: always, except for a MuJoCo model that differs from the
  // reference's or a trace of another version of MuJoCo.
  bool exact = false;
  std::string inexact_reason;  // "the compiled model differs"; empty where exact
  // Windows of 20 steps, each from a recorded state.
  StretchReport windows;
  // The whole episode from its first state. Where the dynamics are chaotic, rounding alone makes
  // the deviations grow to any size, unless the comparison is exact.
  StretchReport episode;
  SeedCheck seed = SeedCheck::kNotApplicable;

  ReplayTolerance window_tolerance;
  ReplayTolerance episode_tolerance;  // demanded where exact
  // The same flags in the whole episode, windows within their tolerance, where exact the whole
  // episode within its own, and the same episode from the recorded seed.
  bool passed = false;
};

// Replays a trace. Throws IoError naming the path where the trace does not fit the environment
// (unknown id or option, other sizes, missing numbers).
ReplayReport ReplayTrace(const Trace& trace);

}  // namespace duet::envs
