// One method trained on one task for several seeds, as one population.
#pragma once

#include <filesystem>
#include <functional>

#include "runners/config.h"
#include "runners/console.h"
#include "runners/results.h"

namespace duet::runners {

using ProgressCallback = std::function<void(const Progress&)>;

// Trains the method in `folder`, from its latest checkpoint where `resume`, and returns what came
// of it; a finished run is read back. Writes config.toml, metrics.csv, events, checkpoints, the
// policies and result.json there. Throws Interrupted after a checkpoint where a stop was asked for;
// throws Error on anything wrong outside, and the folder can then be resumed from its latest
// checkpoint.
MethodResult RunExperiment(const RunConfig& config, const MethodConfig& method,
                           const std::filesystem::path& folder, bool resume,
                           const Provenance& provenance, const ProgressCallback& on_progress);

}  // namespace duet::runners
