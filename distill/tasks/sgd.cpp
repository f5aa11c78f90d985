#include "distill/tasks/sgd.h"

#include <ATen/Functions.h>

#include <vector>

#include "agents/without_autograd.h"
#include "core/error.h"

namespace duet::tasks {

void VisitFields(core::FieldVisitor& v, SgdConfig& c) {
  v.Field("momentum", c.momentum, {0.0, 1.0}, "share of the last step that is taken again");
  v.Field("weight_decay", c.weight_decay, {0.0, 1.0}, "times a parameter, added to its gradient");
  v.Field("nesterov", c.nesterov, "look ahead along the momentum");
}

Sgd::Sgd(const SgdConfig& config, const Tensor& parameters)
    : config_(config), velocity_(at::zeros_like(parameters.detach())) {
  if (config_.nesterov && config_.momentum == 0.0) {
    throw ConfigError("nesterov = true needs momentum > 0");
  }
}

void Sgd::Step(Tensor& parameters, const Tensor& gradients, double learning_rate) {
  const agents::WithoutAutograd no_autograd;
  std::vector<Tensor> velocities;
  if (config_.momentum > 0.0) velocities.push_back(velocity_);
  // From a velocity of 0 the first step is torch's, which takes the gradient itself.
  at::_fused_sgd_({parameters}, {gradients}, velocities, config_.weight_decay, config_.momentum,
                  learning_rate, /*dampening=*/0.0, config_.nesterov, /*maximize=*/false,
                  /*is_first_step=*/false);
}

void Sgd::Save(core::ArchiveWriter& archive, const std::string& name) const {
  agents::SaveTensor(archive, name + ".velocity", velocity_);
}

void Sgd::Load(const core::ArchiveReader& archive, const std::string& name) {
  agents::LoadTensor(archive, name + ".velocity", velocity_);
}

}  // namespace duet::tasks
