// One trained network as a list of plain operations, for use elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "distill/tasks/networks/network_config.h"
#include "distill/tasks/networks/parameter_layout.h"

namespace duet::tasks {

enum class Operation {
  kConvolution,    // weight [out, in, k, k], bias [out] or none
  kNormalization,  // scale, shift, mean, variance, each [D]; kNormalizationEpsilon
  kRelu,
  kMaxPool,        // of each 2 x 2 pixels
  kAveragePool,    // of each 2 x 2 pixels
  kAdd,            // of two inputs
  kConcatenation,  // of the channels of two inputs
  kFlatten,        // [B, D, H, W] -> [B, D H W]
  kGlobalAverage,  // [B, D, H, W] -> [B, D]
  kLinear,         // weight [out, in], bias [out]
};

inline constexpr double kNormalizationEpsilon = 1e-5;  // of PyTorch's BatchNorm2d

struct GraphNode {
  Operation operation = Operation::kRelu;
  std::vector<std::string> inputs;
  std::string output;
  // Names, as in the layout, and values on the CPU, in the order above.
  std::vector<std::pair<std::string, Tensor>> constants = {};
  std::int64_t kernel = 1, stride = 1, padding = 0;  // of a convolution, pixels
};

// From "images", [B, D, H, W] normalised, to "logits", [B, C].
struct InferenceGraph {
  ImageShape images;
  std::vector<GraphNode> nodes;  // each after those that give its inputs
};

// Collects the operations of one member's layers.
class GraphEmitter {
 public:
  // Rows of one member: [1, P] and [1, S].
  GraphEmitter(Tensor parameters, Tensor buffers)
      : parameters_(std::move(parameters)), buffers_(std::move(buffers)) {}

  // Adds a node, whose output it names and returns.
  std::string Add(GraphNode node);
  // The value of a block, in its shape.
  std::pair<std::string, Tensor> Parameter(const ParameterBlock& block) const;
  std::pair<std::string, Tensor> Buffer(const ParameterBlock& block) const;

  // All nodes; the last one's output is now `output`.
  std::vector<GraphNode> Finish(const std::string& output);

 private:
  Tensor parameters_, buffers_;
  std::vector<GraphNode> nodes_;
};

}  // namespace duet::tasks
