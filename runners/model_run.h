// One model of a task: trained, loaded, or read back.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "distill/tasks/data/data_config.h"
#include "distill/tasks/model_files.h"
#include "distill/tasks/task_config.h"
#include "runners/console.h"
#include "runners/task_results.h"

namespace duet::runners {

// What a task's models have in common. References must outlive it.
struct TaskContext {
  const tasks::TaskConfig& config;
  const tasks::DataSplits& data;
  std::string data_fingerprint;
  at::Device device;
  std::filesystem::path folder;                // of the run
  std::map<std::string, ModelResult> results;  // of finished models

  tasks::ModelFolder FolderOf(const std::string& model) const {
    return {folder / "models" / model};
  }
};

// Trains the model, from its latest checkpoint where `resume`, or takes it from where it is loaded,
// measures it and writes result.json. Throws Interrupted after a checkpoint where a stop was asked
// for.
ModelResult RunModel(const TaskContext& context, const tasks::ModelConfig& model, bool resume,
                     const std::function<void(const Progress&)>& on_progress);

}  // namespace duet::runners
