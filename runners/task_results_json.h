// A task's results as files: result.json of one model, summary.json of the task.
#pragma once

#include <filesystem>
#include <string>

#include "runners/task_results.h"

namespace duet::runners {

// The text of a model's result.json; ParseModelResult gives back the same numbers, bit for bit.
std::string ModelResultJson(const ModelResult& model);
// Throws IoError naming `origin` where the text is damaged.
ModelResult ParseModelResult(const std::string& text, const std::filesystem::path& origin);
ModelResult ReadModelResult(const std::filesystem::path& path);

// The text of summary.json, schema 1 of kind "distillation": see docs/distill/summary.md.
std::string TaskSummaryJson(const TaskResult& task);
// Reads the summary.json of a run folder. Throws IoError.
TaskResult ReadTaskSummary(const std::filesystem::path& folder);
// Whether the folder holds such a summary.
bool IsTaskRun(const std::filesystem::path& folder);

}  // namespace duet::runners
