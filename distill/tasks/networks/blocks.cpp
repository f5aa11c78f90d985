#include "distill/tasks/networks/blocks.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace duet::tasks {
namespace {

// [B, G * D, H, W] as [B, G, D, H, W].
Tensor PerMember(const Tensor& map, const Pass& pass) {
  return map.unflatten(1, {pass.members(), -1});
}

}  // namespace

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

Tensor DenseBlock::Forward(const Tensor& input, Pass& pass) const {
  const Tensor grown = body_.Forward(input, pass);
  if (pass.members() == 1) return at::cat({input, grown}, 1);
  return at::cat({PerMember(input, pass), PerMember(grown, pass)}, 2)
      .flatten(1, 2)
      .contiguous(input.suggest_memory_format());
}

Tensor DenseBlock::Backward(const Tensor& gradient, Pass& pass) const {
  const Tensor members = PerMember(gradient, pass);
  const auto part = [&](std::int64_t first, std::int64_t count) {
    return members.narrow(2, first, count)
        .flatten(1, 2)
        .contiguous(gradient.suggest_memory_format());
  };
  const std::int64_t grown = members.size(2) - inputs_;
  return body_.Backward(part(inputs_, grown), pass) + part(0, inputs_);
}

std::string DenseBlock::Emit(GraphEmitter& graph, const std::string& input) const {
  const std::string grown = body_.Emit(graph, input);
  return graph.Add(
      {.operation = Operation::kConcatenation, .inputs = {input, grown}, .output = {}});
}

}  // namespace duet::tasks
