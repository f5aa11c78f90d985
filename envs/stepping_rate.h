// How fast environments step, beside the least that a step can cost.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

// Writes the actions for these observations: [N, O] -> [N, A], in units of the environment, or
// [N] the indices of discrete actions as numbers.
using BatchPolicy =
    std::function<void(std::span<const float> observations, std::span<float> actions)>;

using EnvMaker = std::function<std::unique_ptr<Env>()>;

struct SteppingRateSettings {
  std::int64_t num_envs = 64;    // >= 1
  std::int64_t num_threads = 2;  // >= 1
  double seconds = 2.0;          // per side, > 0
  std::uint64_t seed = 0;        // of actions and episodes
  std::int64_t ready = 0;        // 0: lockstep; else the rows that an asynchronous step waits for
  EnvOptions options = {};       // of the task
  EnvMaker make = nullptr;       // the environments; none: MakeEnv(id, options)
  BatchPolicy policy = nullptr;  // none: random actions
};

struct SteppingRate {
  // Of a VectorEnv or an AsyncVectorEnv, summed over its environments.
  double steps_per_second = 0.0;
  // What it is compared with, on as many threads: SteppingLimit::name.
  std::string limit;
  // The limit with a fixed part of the simulations for each thread ...
  double limit_steps_per_second = 0.0;
  // ... and with threads that take the next step nobody took yet; nothing with one thread, where
  // it is the same.
  std::optional<double> taking_limit_steps_per_second;

  // Median, lower and upper quartile over the rounds of the rate / the limit. The sides are timed
  // in turns, so that whatever else the machine does meets all of them.
  struct Ratio {
    double median = 0.0;
    double lower_quartile = 0.0;
    double upper_quartile = 0.0;
  };
  Ratio ratio;
  std::optional<Ratio> taking_ratio;
  std::int64_t num_rounds = 0;
};

// Times environments of `id` against the limit, which repeats the same actions and resets. Actions
// are recorded beforehand, round by round, by environments that go the same way, so that drawing or
// computing them costs neither side anything. Throws ConfigError on an unknown id or option and on
// settings out of range.
SteppingRate MeasureSteppingRate(std::string_view id, const SteppingRateSettings& settings);

}  // namespace duet::envs
