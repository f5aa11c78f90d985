// The main job: several methods on one task with the same seeds and budget.
#pragma once

#include <filesystem>

#include "runners/config.h"
#include "runners/results.h"

namespace duet::runners {

// Trains every method of `config` in `folder`, several at once where cores allow, writes
// summary.json and report.html there and returns the results. With `resume`, finished methods are
// read and the others continue from their checkpoints. Throws as RunExperiment; where one method
// fails, the others stop with a checkpoint.
ComparisonResult RunComparison(const RunConfig& config, const std::filesystem::path& folder,
                               bool resume);

// summary.json and report.html of the results.
void WriteReports(const ComparisonResult& comparison, const std::filesystem::path& folder);

}  // namespace duet::runners
