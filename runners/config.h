// The settings of training runs and comparisons.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "agents/registry.h"
#include "core/fields.h"
#include "distill/distiller.h"
#include "runners/run_env.h"

namespace duet::runners {

// Budgets are per seed. `env_steps_total` counts the steps of all learners of a method: a pair
// takes half of them each, and a teacher that is trained first takes its share.
struct TrainingConfig {
  std::int64_t env_steps_total = 100'000;
  std::int64_t warmup_steps = 1000;  // per learner, uniformly random actions and no updates
  std::int64_t update_every = 1;     // per learner, env steps from one burst of updates to the next
  std::int64_t updates = 1;          // gradient steps in a burst
  // Agents that learn from replay act and step beside the updates that are due, by the policy of
  // before these updates, which do not yet see that step. Numbers do not depend on threads.
  bool overlap = false;
  double checkpoint_seconds = 60.0;  // from one checkpoint to the next, at least
  // Mean evaluation return, over seeds and learners, that ends training.
  double stop_at_return = std::numeric_limits<double>::infinity();
  std::int64_t patience = 0;  // evaluations without a new best mean that end it; 0: any number
};

struct EvaluationConfig {
  std::int64_t every = 5000;  // in env steps of all learners of a seed
  std::int64_t episodes = 10;
  std::int64_t seed = 12345;  // of the first episode; the next one starts from seed + 1
};

enum class MethodKind { kAlone, kTeacher, kDual };
enum class TeacherSource { kStudentStates, kTeacherReplay, kTeacherRollouts };

struct TeacherConfig {
  TeacherSource source = TeacherSource::kStudentStates;
  std::string run = {};                 // folder of a trained run; empty: one is trained first
  double share = 0.5;                   // of the budget, that the teacher's training takes
  std::int64_t rollout_steps = 10'000;  // recorded from the teacher, for source teacher_rollouts
};

struct MethodConfig {
  std::string name = "alone";
  MethodKind kind = MethodKind::kAlone;
  TeacherConfig teacher;           // kind teacher only
  distill::DistillConfig distill;  // kinds teacher and dual
};

struct RunConfig {
  std::string name = "run";
  std::vector<std::int64_t> seeds = {0, 1, 2, 3, 4};
  std::string device = "auto";
  agents::Precision precision = agents::Precision::kFloat32;
  std::int64_t actor_threads = 1;
  std::int64_t learner_threads = 1;
  std::int64_t parallel_methods = 0;
  EnvironmentConfig env;
  TrainingConfig training;
  EvaluationConfig evaluation;
  agents::AgentConfig agent;
  std::vector<MethodConfig> methods;
};
void VisitFields(core::FieldVisitor& v, RunConfig& c);

// "alone", "teacher" or "dual".
std::string_view KindName(MethodKind kind);

// How many methods are trained at once.
std::int64_t MethodsAtOnce(const RunConfig& config);

// Learners of one seed that are trained side by side.
std::int64_t PopulationPerSeed(MethodKind kind);

// `steps` per learner, rounded down to whole steps of all its environments; at least one of them.
std::int64_t WholeSteps(const RunConfig& config, std::int64_t steps);

// Environment steps per seed that a teacher takes of the budget before its student starts: its own
// training, where it comes from no other run, and rollouts recorded from it.
std::int64_t TeacherEnvSteps(const RunConfig& config, const TeacherConfig& teacher);

// Reads and checks a settings file; where it names no methods, they are alone, teacher and dual. A
// model file that it names is relative to the settings file, and absolute in what is returned.
// Throws ConfigError or IoError.
RunConfig LoadRunConfig(const std::filesystem::path& path, std::span<const std::string> overrides);

}  // namespace duet::runners
