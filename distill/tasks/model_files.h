// What a trained model leaves on disk.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "distill/tasks/data/normalization.h"
#include "distill/tasks/networks/classifier.h"
#include "distill/tasks/task_config.h"

namespace duet::tasks {

// Files of one model of a run.
struct ModelFolder {
  std::filesystem::path path;

  std::filesystem::path checkpoint() const { return path / "checkpoints" / "latest.safetensors"; }
  std::filesystem::path classifier() const { return path / "classifier.safetensors"; }
  // The first seed after the last epoch, with weights as floats and in a byte each.
  std::filesystem::path onnx() const { return path / "model.onnx"; }
  std::filesystem::path onnx_int8() const { return path / "model-int8.onnx"; }
  std::filesystem::path result() const { return path / "result.json"; }
  std::filesystem::path predictions() const { return path / "predictions.safetensors"; }
  // Answers on the training pool, see teacher.h.
  std::filesystem::path outputs(std::string_view what) const;
};

// Parameters and statistics of all seeds at one time of training.
struct ModelState {
  Tensor parameters;  // [M, P]
  Tensor buffers;     // [M, S]
};

// Writes all seeds after the last epoch and at the selected one. `normalization` is what its images
// have gone through. The file holds nothing of time or place: equal parameters give equal bytes.
void SaveModel(const std::filesystem::path& path, const Classifier& classifier,
               std::span<const std::int64_t> seeds, const Normalization& normalization,
               const ModelState& last, const ModelState& selected);

// What a file holds. Throws IoError where it is missing, damaged or no classifier.
struct ModelFacts {
  NetworkConfig network;
  ImageShape shape;
  std::vector<std::int64_t> seeds;
  Normalization normalization;
};
ModelFacts ReadModelFacts(const std::filesystem::path& path);

// Throws ConfigError where the model is for other images or classes than `shape`.
void CheckShape(const ModelFacts& facts, const std::filesystem::path& path,
                const ImageShape& shape);

// The model of these seeds, which the file must have. Throws ConfigError where it is for other
// images or classes than `shape`, IoError as above.
Classifier LoadModel(const std::filesystem::path& path, TeacherEpoch epoch,
                     std::span<const std::int64_t> seeds, const ImageShape& shape,
                     at::Device device);

// Throws as LoadModel where a model that the task loads from another run is not what it needs.
void CheckLoads(const TaskConfig& config, const ImageShape& shape);

// "last" or "selected".
std::string_view EpochName(TeacherEpoch epoch);

}  // namespace duet::tasks
