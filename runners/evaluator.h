// Returns without learning and without exploration.
#pragma once

#include <cstdint>
#include <vector>

#include "agents/agent.h"
#include "runners/config.h"
#include "runners/learner_envs.h"

namespace duet::runners {

// Plays the same episodes at every call: episode i starts from Reset(seed + i) for every member, so
// differences are the policies'.
class Evaluator {
 public:
  Evaluator(const EnvironmentConfig& env, const EvaluationConfig& config, std::int64_t members,
            std::int64_t num_threads);

  struct Returns {
    std::vector<std::vector<double>> per_episode;  // [M][episodes], undiscounted
    std::vector<double> mean;                      // [M]
    std::vector<double> mean_length;               // [M] environment steps of an episode
  };
  // Moves none of the agent's random streams.
  Returns Evaluate(agents::Agent& agent);

 private:
  EvaluationConfig config_;
  std::int64_t members_;
  LearnerEnvs env_;
};

}  // namespace duet::runners
