// Results as files: result.json of one method, summary.json of a comparison.
#pragma once

#include <filesystem>
#include <string>

#include "runners/results.h"

namespace duet::runners {

// Content of a result.json.
struct StoredResult {
  MethodResult method;
  Provenance provenance;
};

// The text of a result.json; ReadResult gives back the same numbers, bit for bit (NaN is kept, an
// infinite number becomes NaN).
std::string ResultJson(const MethodResult& method, const Provenance& provenance);

// Throws IoError with the path, what was found and what is allowed.
StoredResult ReadResult(const std::filesystem::path& path);

// Reads a run folder: of a comparison (methods/NAME/result.json) or of one training run
// (result.json). The settings come from config.toml where there is one. Throws IoError.
ComparisonResult ReadRun(const std::filesystem::path& folder);

// Several runs on one task as one comparison. Names of methods that occur twice are prefixed with
// the name of their run. Throws Error where the tasks differ.
ComparisonResult MergeRuns(const std::vector<ComparisonResult>& runs);

// The text of summary.json, schema 1: see docs/summary.md.
std::string SummaryJson(const ComparisonResult& comparison);

}  // namespace duet::runners
