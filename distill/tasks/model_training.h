// The training of one model of a task, all its seeds side by side.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "distill/tasks/data/data_config.h"
#include "distill/tasks/model_files.h"
#include "distill/tasks/task_config.h"
#include "distill/tasks/teacher.h"

namespace duet::tasks {

// What an epoch came to: name -> one number per seed. Accuracies in percent.
using EpochValues = std::map<std::string, std::vector<double>>;

// The members' seed of a model: one stream for each pair of a run's seed and a name.
std::vector<std::uint64_t> MemberSeeds(const std::vector<std::int64_t>& seeds,
                                       const ModelConfig& model);

// What a model is trained with.
struct TrainingInputs {
  const DataSplits& data;
  std::vector<std::uint64_t> member_seeds;
  at::Device device = at::kCPU;
  // Null where the model has no teacher but itself. It is made for LayersOf(model).
  std::unique_ptr<Teacher> teacher;
  // Sizes of the features of those layers of the teacher.
  std::map<std::string, std::vector<std::int64_t>> teacher_layers;
  // Of the model to start from; undefined tensors where there is none.
  ModelState start;
};

// The teacher's layers that a model's rules are shown, each once.
std::vector<std::string> TeacherLayersOf(const ModelConfig& model);

ImageShape ShapeOf(const ImageSet& set);

// Trains batch by batch: forward, loss, step. Nothing waits for the device but the end of an epoch.
class ModelTraining {
 public:
  // Throws ConfigError where the rules cannot compare these networks. The configuration and the
  // data must outlive it.
  ModelTraining(const ModelConfig& model, TrainingInputs inputs);
  ~ModelTraining();
  ModelTraining(const ModelTraining&) = delete;
  ModelTraining& operator=(const ModelTraining&) = delete;

  // One gradient step of every member, or nothing and false at the end of an epoch.
  bool Step();
  // Evaluates where it is due, chooses, and goes on to the next epoch. Throws NonFiniteError naming
  // the model, the seed and the epoch where the loss is not finite.
  EpochValues FinishEpoch();

  // The names of EpochValues that there can be, in order.
  std::vector<std::string> value_names() const;

  bool done() const;
  std::int64_t epoch() const;  // finished
  std::int64_t num_steps() const;
  std::int64_t num_images() const;  // that all members have learned from
  double fraction() const;          // of all steps, in [0, 1]

  Classifier& classifier();
  ModelState last() const;
  // At the epoch that was best on validation, the earliest of equals; the last without validation.
  ModelState selected() const;
  std::vector<std::int64_t> selected_epochs() const;  // per seed

  // Everything that the rest of the training depends on. Load throws IoError.
  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace duet::tasks
