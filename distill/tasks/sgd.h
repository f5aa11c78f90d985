// Stochastic gradient descent over the rows of a population.
#pragma once

#include <string>

#include "agents/tensor.h"
#include "core/archive.h"
#include "core/fields.h"

namespace duet::tasks {

using agents::Tensor;

struct SgdConfig {
  double momentum = 0.9;
  double weight_decay = 0.0;  // adds weight_decay * parameter to the gradient
  bool nesterov = false;

  bool operator==(const SgdConfig&) const = default;
};
// The settings "momentum", "weight_decay" and "nesterov" of the present section.
void VisitFields(core::FieldVisitor& v, SgdConfig& c);

// SGD with the semantics of torch.optim.SGD (dampening 0) for parameters of any one shape, such as
// the rows [M, P] of a population.
class Sgd {
 public:
  // Throws ConfigError where Nesterov's step is asked for without momentum.
  Sgd(const SgdConfig& config, const Tensor& parameters);

  // One step of the parameters against their gradients, of the same shape. No gradient is recorded.
  void Step(Tensor& parameters, const Tensor& gradients, double learning_rate);

  const Tensor& velocity() const { return velocity_; }  // of the shape of the parameters

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  SgdConfig config_;
  Tensor velocity_;
};

}  // namespace duet::tasks
