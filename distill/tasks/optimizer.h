// One optimizer of a model's training, whichever it is.
#pragma once

#include <string>
#include <variant>

#include "agents/adam.h"
#include "distill/tasks/sgd.h"
#include "distill/tasks/task_config.h"

namespace duet::tasks {

// Steps a leaf of autograd, [M, P], against its gradient.
class Optimizer {
 public:
  Optimizer(const TrainingConfig& config, Tensor leaf);

  // One step at this rate. The gradient is gone afterwards. A leaf without one stays.
  void Step(double learning_rate);

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  std::variant<Sgd, agents::Adam> algorithm_;
  double first_rate_;  // that Adam was made with
  Tensor leaf_;
};

}  // namespace duet::tasks
