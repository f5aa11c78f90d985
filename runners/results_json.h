// Results as files: result.json of one method, summary.json of a comparison.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

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
// The same for the text of a result.json; `origin` names it in errors.
StoredResult ParseResult(const std::string& text, const std::filesystem::path& origin);

// Reads a run folder: of a comparison (methods/NAME/result.json) or of one training run
// (result.json). The settings come from config.toml where there is one. Methods without a result
// yet are left out, and their names are put into `unfinished` if given. Throws IoError.
ComparisonResult ReadRun(const std::filesystem::path& folder,
                         std::vector<std::string>* unfinished = nullptr);

// Several runs on one task as one comparison. Names of methods that occur twice are prefixed with
// the name of their run. Throws Error where the tasks differ.
ComparisonResult MergeRuns(const std::vector<ComparisonResult>& runs);

// The text of summary.json, schema 1: see docs/summary.md.
std::string SummaryJson(const ComparisonResult& comparison);

}  // namespace duet::runners
