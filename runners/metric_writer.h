// The measurements of one run as they come: metrics.csv and TensorBoard events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runners/measurement_files.h"
#include "runners/results.h"

namespace duet::runners {

// How far and how fast a run is; for the events alone.
struct Pace {
  double steps_per_second = 0.0;  // environment steps, all learners and seeds
  std::int64_t num_updates = 0;   // reinforcement gradient steps of each learner
};

// Writes `metrics.csv`, one row per (point, seed, learner), and the folder `events/` with one event
// file per seed and learner (`events/seed_0/learner_0`, `events/seed_0/teacher`). The CSV holds no
// time, so equal runs have equal bytes. Not thread-safe.
class MetricWriter {
 public:
  // `folder` must exist. `diagnostics` are the names of the diagnostic columns, in order. Continues
  // the files that are there; a metrics.csv with other columns is an IoError.
  MetricWriter(const std::filesystem::path& folder, std::vector<std::int64_t> seeds,
               std::vector<std::string> diagnostics);

  // Appends one point and gives it to the system. Where `evaluation.returns` is empty, the rows
  // have no return; diagnostics that are missing or NaN leave their cells empty. `learner` is the
  // index in the row of returns (or of the diagnostics). Throws IoError with the path; the files
  // stay readable and keep the points before.
  void Write(const EvaluationPoint& evaluation, const DiagnosticPoint& diagnostics,
             const Pace& pace);

  // Where the files end, as text for a checkpoint; LoadState cuts them back to there, so that a
  // resumed run writes no point twice. LoadState throws IoError where a file is shorter.
  std::string SaveState() const;
  void LoadState(const std::string& state);

 private:
  std::vector<std::int64_t> seeds_;
  std::vector<std::string> diagnostics_;
  MeasurementFiles files_;
};

}  // namespace duet::runners
