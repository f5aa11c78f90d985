#include "distill/tasks/networks/residual_block.h"

#include <ATen/TensorOperators.h>

namespace duet::tasks {

Tensor Way::Forward(const Tensor& input, Pass& pass) const {
  Tensor x = input;
  for (const LayerPointer& layer : layers_) x = layer->Forward(x, pass);
  return x;
}

Tensor Way::Backward(const Tensor& gradient, Pass& pass) const {
  Tensor g = gradient;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    g = (*layer)->Backward(g, pass);
  }
  return g;
}

std::string Way::Emit(GraphEmitter& graph, const std::string& input) const {
  std::string x = input;
  for (const LayerPointer& layer : layers_) x = layer->Emit(graph, x);
  return x;
}

Tensor PostActivationBlock::Forward(const Tensor& input, Pass& pass) const {
  const Tensor inner = body_.Forward(input, pass);
  const Tensor other = shortcut_.Forward(input, pass);
  return last_.ForwardWith(inner, other, pass);
}

Tensor PostActivationBlock::Backward(const Tensor& gradient, Pass& pass) const {
  const auto [inner, other] = last_.BackwardWith(gradient, pass);
  const Tensor by_shortcut = shortcut_.Backward(other, pass);
  return body_.Backward(inner, pass) + by_shortcut;
}

std::string PostActivationBlock::Emit(GraphEmitter& graph, const std::string& input) const {
  const std::string inner = body_.Emit(graph, input);
  return last_.EmitWith(graph, inner, shortcut_.Emit(graph, input));
}

Tensor PreActivationBlock::Forward(const Tensor& input, Pass& pass) const {
  const Tensor inner = body_.Forward(input, pass);
  return inner + shortcut_.Forward(input, pass);
}

Tensor PreActivationBlock::Backward(const Tensor& gradient, Pass& pass) const {
  const Tensor by_shortcut = shortcut_.Backward(gradient, pass);
  return body_.Backward(gradient, pass) + by_shortcut;
}

std::string PreActivationBlock::Emit(GraphEmitter& graph, const std::string& input) const {
  const std::string inner = body_.Emit(graph, input);
  return graph.Add({.operation = Operation::kAdd,
                    .inputs = {inner, shortcut_.Emit(graph, input)},
                    .output = {}});
}

}  // namespace duet::tasks
