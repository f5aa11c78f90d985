// What the stepping of many environments is measured against.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace duet::envs {

// What N environments did in R steps.
struct Recording {
  std::int64_t num_envs = 0;
  std::int64_t num_steps = 0;
  std::vector<float> actions;         // [R, N, A], or empty where actions are discrete
  std::vector<std::int64_t> indices;  // [R, N], or empty where they are not
  std::vector<std::uint8_t> ended;    // [R, N] 1 where an episode ended with the step

  std::size_t Place(std::int64_t step, std::int64_t env) const {
    return static_cast<std::size_t>(step * num_envs + env);
  }
};

// N simulations that can repeat what was recorded and do nothing else. Different ones may be
// stepped by different threads at the same time.
class RepeatedSteps {
 public:
  virtual ~RepeatedSteps() = default;
  // One step, and the reset where the episode ended with it.
  virtual void Step(const Recording& recording, std::int64_t step, std::int64_t env) = 0;
  // Whether a simulation is where this environment is, which went the same way.
  virtual bool IsWhere(std::int64_t env, const Env& other) const = 0;
};

// What a step costs without all that makes many environments of one.
struct SteppingLimit {
  // "mj_step": mj_step on MujocoEnv::stepping_model() frame_skip times, mj_rnePostConstraint where
  // the task reads contact forces, and for a reset the draw of the state and mj_forward. "direct":
  // Env::Step and Env::Reset, for what is not a MuJoCo task.
  std::string_view name;
  std::unique_ptr<RepeatedSteps> steps;
};

// One simulation per seed, at the start of the episode of that seed. `make` makes the environments
// that are to be measured.
SteppingLimit MakeSteppingLimit(const std::function<std::unique_ptr<Env>()>& make,
                                std::span<const std::uint64_t> seeds);

// How threads share the work.
enum class Schedule {
  kOwnPart,  // each runs through its own part of the simulations and waits for nobody
  kTaking,   // each takes the next step of the next simulation that nobody took yet
};

// Repeats a recording on this and num_threads - 1 other threads, step by step through all
// simulations; returns seconds.
double Repeat(RepeatedSteps& steps, const Recording& recording, std::int64_t num_threads,
              Schedule schedule);

}  // namespace duet::envs
