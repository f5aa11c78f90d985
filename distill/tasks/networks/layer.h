// What networks are made of: layers that compute the backward pass themselves.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "distill/tasks/networks/inference_graph.h"
#include "distill/tasks/networks/parameter_layout.h"

namespace duet::tasks {

// G members on their way through the layers: forward once, and backward at most once.
//
// Between layers there are maps, [B, G * D, H, W], where a member's channels lie side by side, and
// vectors, [G, B, F]. A layer pushes onto the tape what its backward pass will need, and takes it
// off there, in the opposite order.
class Pass {
 public:
  Tensor parameters;  // [G, P]
  Tensor gradients;   // [G, P], which Backward fills
  Tensor buffers;     // [G, S]
  bool training = false;
  bool recording = false;  // whether a backward pass may follow
  double momentum = 0.1;   // share of the batch in the running statistics

  std::int64_t members() const { return parameters.size(0); }

  void Push(Tensor tensor) {
    if (recording) tape_.push_back(std::move(tensor));
  }
  Tensor Pop() {
    Tensor tensor = std::move(tape_.back());
    tape_.pop_back();
    return tensor;
  }

 private:
  std::vector<Tensor> tape_;
};

class Layer {
 public:
  virtual ~Layer() = default;

  virtual Tensor Forward(const Tensor& input, Pass& pass) const = 0;
  // Writes the gradients by the layer's parameters, given that by the output, and returns that by
  // the input; undefined by the images.
  virtual Tensor Backward(const Tensor& gradient, Pass& pass) const = 0;

  // Adds what Forward does in evaluation, for one member, to the graph, and returns the name of the
  // output.
  virtual std::string Emit(GraphEmitter& graph, const std::string& input) const = 0;
};

using LayerPointer = std::unique_ptr<const Layer>;

}  // namespace duet::tasks
