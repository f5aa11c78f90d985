#include "agents/adam.h"

#include <ATen/Functions.h>

namespace duet::agents {

Adam::Adam(AdamConfig config, const Tensor& parameters)
    : config_(config),
      first_moment_(at::zeros_like(parameters)),
      second_moment_(at::zeros_like(parameters)),
      num_steps_(at::zeros({}, parameters.options())) {}

void Adam::Step(Tensor& parameters, const Tensor& gradients, double scale) {
  num_steps_.add_(1);
  at::_fused_adam_({parameters}, {gradients}, {first_moment_}, {second_moment_}, {}, {num_steps_},
                   scale * config_.learning_rate, config_.beta1, config_.beta2, config_.l2,
                   config_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

void Adam::Save(core::ArchiveWriter& archive, const std::string& name) const {
  SaveTensor(archive, name + ".first_moment", first_moment_);
  SaveTensor(archive, name + ".second_moment", second_moment_);
  SaveTensor(archive, name + ".num_steps", num_steps_);
}

void Adam::Load(const core::ArchiveReader& archive, const std::string& name) {
  LoadTensor(archive, name + ".first_moment", first_moment_);
  LoadTensor(archive, name + ".second_moment", second_moment_);
  LoadTensor(archive, name + ".num_steps", num_steps_);
}

}  // namespace duet::agents
