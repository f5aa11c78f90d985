// Trained teachers, kept for later runs that would train the same.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "distill/tasks/task_config.h"

namespace duet::runners {

// Folders below the per-user cache, by a digest of everything that the training depends on.
class ModelCache {
 public:
  // `data` is the fingerprint of all splits, `device` what they are trained on.
  ModelCache(const tasks::TaskConfig& config, std::string data, std::string device);

  // Notes a model, after those that it needs, and returns its digest.
  const std::string& Add(const tasks::ModelConfig& model);

  // Copies a kept model into `folder` and returns true, or does nothing and returns false.
  bool Fetch(const std::string& model, const std::filesystem::path& folder) const;
  // Keeps the finished model of a folder. A cache that cannot be written to is left alone.
  void Keep(const std::string& model, const std::filesystem::path& folder) const;

 private:
  std::filesystem::path FolderOf(const std::string& model) const;

  std::string common_;                          // what all models of the run share
  std::map<std::string, std::string> digests_;  // by model
};

}  // namespace duet::runners
