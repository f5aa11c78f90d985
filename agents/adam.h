// The Adam optimizer over one flat buffer.
#pragma once

#include <string>

#include "agents/tensor.h"

namespace duet::agents {

struct AdamConfig {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double l2 = 0.0;  // adds l2 * parameter to the gradient
};

// Adam (arXiv:1412.6980, Algorithm 1) with the semantics of torch.optim.Adam. All members step
// together, so one step count serves all; moments are per parameter, hence per member.
class Adam {
 public:
  Adam(AdamConfig config, const Tensor& parameters);

  // One step of the parameters against their gradients, both flat; `scale` multiplies the step.
  void Step(Tensor& parameters, const Tensor& gradients, double scale = 1.0);

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  AdamConfig config_;
  Tensor first_moment_, second_moment_;
  Tensor num_steps_;  // scalar float32, as the fused kernel wants it
};

}  // namespace duet::agents
