// Who answers a student's batches.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "distill/lesson.h"
#include "distill/tasks/data/data_config.h"
#include "distill/tasks/data/loader.h"
#include "distill/tasks/model_files.h"

namespace duet::tasks {

// Logits [M, N, C] of all samples of a set as they are, on the classifier's device.
Tensor PlainLogits(Classifier& classifier, const ImageSet& set, const Normalization& normalization);
// The same under one view of every sample.
Tensor ViewLogits(Classifier& classifier, const ImageSet& set, std::int64_t view,
                  const Normalization& normalization);

// Member m of a teacher is for member m of the student. Answers carry no gradient.
class Teacher {
 public:
  virtual ~Teacher() = default;
  // On a batch whose samples are counted in the whole pool, the training split and then the
  // unlabelled one. Features are those of the layers that the teacher was made with.
  virtual distill::Answer Answer(const ImageBatch& batch) = 0;
};

// One trained model as a teacher.
struct TeacherModel {
  ModelFolder folder;
  TeacherEpoch epoch = TeacherEpoch::kLast;
  std::vector<std::int64_t> seeds;  // of the teachers of the student's members
};

struct TeacherOptions {
  ImageShape shape;
  at::Device device = at::kCPU;
  AugmentationConfig augmentation;  // of the student's batches
  std::vector<std::string> layers;  // whose features are asked for
  std::string data_fingerprint;     // of the pool
};

// Several models answer as one ensemble. Where the student's views come again in every epoch, they
// are answered once: the answers are kept in the model's folder by sample and view, and read from
// there. Throws ConfigError or IoError where a model cannot be loaded.
std::unique_ptr<Teacher> MakeTeacher(std::span<const TeacherModel> models, const DataSplits& data,
                                     const TeacherOptions& options);

// The ensemble's logits on a set, [M, N, C] on the host.
Tensor TeacherLogits(std::span<const TeacherModel> models, const ImageSet& set,
                     const Normalization& normalization, const TeacherOptions& options);

}  // namespace duet::tasks
