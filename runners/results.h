// What a finished training run has to say; the input of tables, statistics and reports.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace duet::runners {

// One evaluation of all learners of a method: fixed seeds, no exploration noise.
struct EvaluationPoint {
  std::int64_t env_steps_total = 0;  // environment steps per seed so far, summed over its learners
  std::int64_t env_steps_per_learner = 0;  // of each learner that is evaluated here
  std::int64_t gradient_steps_total = 0;   // like env_steps_total
  std::string phase;                       // "training"; "teacher" while a teacher is trained first
  std::vector<std::vector<double>> returns;  // [seed][learner] mean return over the episodes
};

// Quantities of the distillation step, averaged since the point before.
struct DiagnosticPoint {
  std::int64_t env_steps_total = 0;
  std::int64_t env_steps_per_learner = 0;
  // name -> [seed][learner]: "weight_mean", "weight_std", "weight_zero_share", "disadvantage_mean",
  // "disadvantage_std", "action_distance", "distill_loss", "actor_loss", "critic_loss", "q_mean",
  // ...
  std::map<std::string, std::vector<std::vector<double>>> values;
};

// One method of a comparison (or one training run) on one task.
struct MethodResult {
  std::string name;  // unique in a comparison: "dual"
  std::string kind;  // "alone", "teacher" or "dual"
  std::string task;  // environment id
  std::vector<std::int64_t> seeds;
  std::int64_t learners = 1;  // per seed: 1 alone, 2 for a pair or for a teacher and its student
  // Budgets of one seed. A pair counts both learners, a student its teacher's training too.
  std::int64_t env_steps_total = 0;
  std::int64_t env_steps_per_learner = 0;
  std::int64_t gradient_steps_total = 0;      // reinforcement and distillation steps
  std::int64_t distillation_steps_total = 0;  // the part of them that distilled
  double wall_seconds = 0.0;
  std::vector<EvaluationPoint> evaluations;
  std::vector<DiagnosticPoint> diagnostics;
  std::string parameters_sha256;   // of all final parameters
  std::string stopped_early = {};  // why training ended before its budget; empty: it did not
};

// Where and with what the numbers were made.
struct Provenance {
  std::string duet_version;
  std::string libtorch_version;
  std::string mujoco_version;
  std::string compiler;
  std::string hardware;  // "AMD EPYC, 2 cores, 23 GiB"
  std::string device;    // "cpu" or the GPU's name
  std::string started;   // ISO 8601, UTC
};

// All methods of one comparison; a training run is a comparison of one.
struct ComparisonResult {
  std::string name;
  std::string task;
  std::string config_toml;  // effective settings
  Provenance provenance;
  double wall_seconds = 0.0;
  std::vector<MethodResult> methods;
};

}  // namespace duet::runners
