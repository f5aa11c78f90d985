// How fast an agent learns, beside the matrix products that its updates consist of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agents/registry.h"
#include "runners/run_env.h"

namespace duet::runners {

struct LearnerBenchSettings {
  agents::AgentConfig agent;
  EnvironmentConfig env;  // sizes of observations and actions come from here
  std::int64_t members = 1;
  std::int64_t threads = 1;        // of the updates
  at::Device device = at::kCPU;    // of the updates
  std::int64_t actor_threads = 1;  // that step environments, with `loop`
  agents::Precision precision = agents::Precision::kFloat32;
  bool loop = false;     // also the whole loop: act, step, store, update after each step
  bool overlap = false;  // of the loop: CollectorOptions::overlap, on a thread of its own
  std::int64_t rounds = 15;
  double round_seconds = 0.2;  // of each side of a round, about
};

// All from one run, whose sides took turns; medians over the rounds.
struct LearnerBench {
  double update_seconds = 0.0;  // one gradient step of all members
  // The products of that step alone, done by at::bmm and at::baddbmm into tensors that are there
  // already, on as many threads.
  double product_seconds = 0.0;
  double ratio = 0.0;          // products / update, median over the rounds
  double product_gflop = 0.0;  // of one gradient step of one member

  // With `loop`, per environment step of all members; an on-policy agent's updates are spread over
  // its steps.
  double loop_seconds = 0.0;
  double loop_steps_per_second = 0.0;  // environment steps, all members
  // Agents that learn from replay: update / loop.
  double loop_ratio = 0.0;
  // Bare physics (envs::SteppingRate::limit) and all products of the loop, with those of acting,
  // one after the other; and that / loop.
  double limit_seconds = 0.0;
  double limit_ratio = 0.0;
};

// Measures on random experience. Throws ConfigError where the agent cannot act in the environment.
LearnerBench MeasureLearner(const LearnerBenchSettings& settings);

}  // namespace duet::runners
