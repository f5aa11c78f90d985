// The teacher of a method: trained first, or loaded from an earlier run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "runners/config.h"
#include "runners/experiment.h"
#include "runners/results.h"
#include "runners/run_folder.h"

namespace duet::runners {

// The teacher that students learn from and what it cost.
struct Teacher {
  std::shared_ptr<agents::Agent> agent;  // one member per seed
  std::int64_t env_steps = 0;            // per seed, counted in the method's budget
  std::int64_t gradient_steps = 0;
  double wall_seconds = 0.0;
  std::vector<EvaluationPoint> evaluations;
  std::string parameters_sha256;
};

// Trains the teacher of `method` in the folder's teacher/, or loads it, and fills its replay where
// the method draws states from it. Throws ConfigError where a loaded teacher does not fit the task,
// else as RunExperiment.
Teacher GetTeacher(const RunConfig& config, const MethodConfig& method, const RunFolder& folder,
                   bool resume, const Provenance& provenance, const ProgressCallback& on_progress);

// Throws at once what RunExperiment would throw later: ConfigError or IoError where a teacher of
// another run cannot be used, or where learners cannot learn from each other or from it as set.
void CheckLessons(const RunConfig& config);

}  // namespace duet::runners
