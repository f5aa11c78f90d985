// A supervised distillation task from its settings to its report.
#pragma once

#include <filesystem>

#include "distill/tasks/data/data_config.h"
#include "distill/tasks/task_config.h"
#include "runners/task_results.h"

namespace duet::runners {

// "shapes, 24x24: 3,000 train, 500 validation, 2,000 test".
std::string DescribeData(const tasks::DataConfig& config, const tasks::DataSplits& data);

// Trains the task's models one after the other, from their latest checkpoints where `resume`, and
// returns what came of it. Writes config.toml, log.txt, models/NAME/…, summary.json and report.html
// into `folder`. Throws Interrupted after a checkpoint where a stop was asked for; throws Error on
// anything wrong outside, and the folder can then be resumed.
TaskResult RunTask(const tasks::TaskConfig& config, const tasks::DataSplits& data,
                   const std::filesystem::path& folder, bool resume);

// summary.json and report.html of a task.
void WriteReports(const TaskResult& task, const std::filesystem::path& folder);

}  // namespace duet::runners
