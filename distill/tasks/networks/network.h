// A network as a row of layers with names.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "distill/tasks/networks/layer.h"
#include "distill/tasks/networks/network_config.h"

namespace duet::tasks {

// Layers and where their parameters lie, but no parameters. Built by MakeNetwork.
class Network {
 public:
  struct Step {
    std::string name;  // empty: no layer that a person knows
    LayerPointer layer;
    std::vector<std::int64_t> shape;  // of the answer to one image, {D, H, W} or {F}
  };

  std::vector<Step> steps;
  std::vector<ParameterBlock> parameters, buffers;
  std::vector<std::string> names;  // of the steps that have one
  std::int64_t num_parameters = 0, num_buffers = 0, num_multiplications = 0;

  // The number of the step. Throws ConfigError on another name.
  std::size_t Find(const std::string& name) const;

  // The answers of the steps `taps`, ascending, of G members to images [B, G * D, H, W].
  std::vector<Tensor> Forward(const Tensor& images, std::span<const std::size_t> taps,
                              Pass& pass) const;
  // Fills pass.gradients, given the gradients by the answers, each but the last undefined where it
  // is 0. The last answer must be that of the last step.
  void Backward(std::span<const Tensor> gradients, std::span<const std::size_t> taps,
                Pass& pass) const;
};

// Throws ConfigError where there is no such network for such images.
Network MakeNetwork(const NetworkConfig& config, const ImageShape& shape);

}  // namespace duet::tasks
