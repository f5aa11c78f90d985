// The main job: several methods on one task with the same seeds and budget.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "runners/config.h"
#include "runners/results.h"
#include "runners/run_plan.h"

namespace duet::runners {

// Trains every method of `config` in `folder`, several at once where cores allow, writes
// summary.json and report.html there and returns the results. With `resume`, finished methods are
// read and the others continue from their checkpoints. Throws as RunExperiment; where one method
// fails, the others stop with a checkpoint.
ComparisonResult RunComparison(const RunConfig& config, const std::filesystem::path& folder,
                               bool resume);

// What stands above the results of several runs.
struct PlansTitle {
  std::string name;
  std::string settings;                       // TOML, written beside the results
  std::string settings_file = "config.toml";  // where
};

// The same for runs with settings of their own on one task, of which `at_once` go on at a time; the
// methods' names tell them apart. The plans must not be empty.
ComparisonResult RunPlans(const PlansTitle& title, std::span<const RunPlan> plans,
                          std::int64_t at_once, const std::filesystem::path& folder, bool resume);

// summary.json and report.html of the results.
void WriteReports(const ComparisonResult& comparison, const std::filesystem::path& folder);

}  // namespace duet::runners
