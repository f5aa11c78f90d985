// The terms of a model's loss that its teacher's answers make.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "distill/rule.h"
#include "distill/tasks/networks/classifier.h"
#include "distill/tasks/task_config.h"

namespace duet::tasks {

// Layers by name, and where each stands in the features of an answer.
class LayerList {
 public:
  // The place of a layer, which is added where it is new.
  std::size_t Add(const std::string& name);
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

// How far training is.
struct TrainingPlace {
  double epoch = 0.0;     // with its fraction
  double progress = 0.0;  // share of training, in [0, 1]
};

class LossTerms {
 public:
  // Throws ConfigError where a rule cannot compare these layers or a network has no such layer.
  LossTerms(const ModelConfig& model, const Classifier& student,
            const std::map<std::string, std::vector<std::int64_t>>& teacher_layers,
            const std::vector<std::uint64_t>& member_seeds);

  bool empty() const { return terms_.empty(); }
  std::vector<std::string> names() const;  // "kd", "dist"; numbered where one comes twice
  const std::vector<std::string>& student_layers() const { return student_layers_.names(); }

  // Each term's loss per sample, [M, B], not yet weighted. `labelled` samples come first.
  std::vector<Tensor> Losses(const distill::Answer& student, const distill::Answer& source,
                             const distill::Context& context, std::int64_t labelled);
  // The terms' weights at this place.
  std::vector<double> Weights(const TrainingPlace& place) const;

  // Leaves that are trained with the student.
  std::vector<Tensor> parameters() const;

  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive);

 private:
  struct Term {
    TermConfig config;
    std::unique_ptr<distill::Rule> rule;
    std::unique_ptr<distill::Rule> unlabelled_rule;  // null: the same
    std::vector<std::size_t> student, teacher;       // places in the answers' features
  };
  std::vector<Term> terms_;
  LayerList student_layers_, teacher_layers_;
};

}  // namespace duet::tasks
