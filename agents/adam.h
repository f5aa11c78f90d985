// The Adam optimizer over the rows of a population.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/tensor.h"

namespace duet::agents {

struct AdamConfig {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double l2 = 0.0;  // adds l2 * parameter to the gradient
};

// Adam (arXiv:1412.6980, Algorithm 1) with the semantics of torch.optim.Adam, for the rows [M, P]
// of a population. Moments and step counts are each member's own.
class Adam {
 public:
  Adam(AdamConfig config, const Tensor& parameters);

  // One step of the parameters against their gradients, both [M, P]; `scale` multiplies the step.
  // Where `active`, [M], is given, only the members where it is true take the step. Where `skip`, a
  // float on the device, is given and not 0, nobody takes it.
  void Step(Tensor& parameters, const Tensor& gradients, double scale = 1.0,
            std::span<const bool> active = {}, const Tensor& skip = {});

  // The optimizer of rows [first, first + count), sharing moments and counts.
  Adam Slice(std::int64_t first, std::int64_t count) const;

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  // The same rows of all that a step needs, [P] each, and the counts.
  struct Rows {
    std::vector<Tensor> parameters, gradients, first_moments, second_moments, counts;
  };

  Adam(AdamConfig config, Tensor first_moment, Tensor second_moment, Tensor num_steps);

  // Step without `skip`, in the CPU's memory.
  void StepOnHost(const Tensor& parameters, const Tensor& gradients, double scale,
                  std::span<const bool> active);
  // Those of all members. They are made anew only where the tensors are others than last time.
  const Rows& AllRows(const Tensor& parameters, const Tensor& gradients);

  AdamConfig config_;
  Tensor first_moment_, second_moment_;  // [M, P]
  Tensor num_steps_;                     // [M] float32, as the fused kernel wants it
  Rows rows_;
};

}  // namespace duet::agents
