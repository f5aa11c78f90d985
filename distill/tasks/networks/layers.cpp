#include "distill/tasks/networks/layers.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <array>

namespace duet::tasks {
namespace {

// The rows of a block as one tensor whose first axis holds members and outputs.
Tensor Stacked(const ParameterBlock& block, const Tensor& rows) {
  std::vector<std::int64_t> shape = block.shape;
  shape.front() *= rows.size(0);
  return block.Rows(rows).reshape(shape);
}

void Write(const ParameterBlock& block, const Tensor& rows, const Tensor& values) {
  block.Rows(rows).copy_(values.reshape({rows.size(0), -1}));
}

}  // namespace

Tensor Convolution::Forward(const Tensor& input, Pass& pass) const {
  pass.Push(input);
  const Tensor bias = shape_.bias ? Stacked(*shape_.bias, pass.parameters) : Tensor();
  return at::convolution(input, Stacked(shape_.weight, pass.parameters), bias,
                         {shape_.stride, shape_.stride}, {shape_.padding, shape_.padding}, {1, 1},
                         /*transposed=*/false, {0, 0}, pass.members());
}

Tensor Convolution::Backward(const Tensor& gradient, Pass& pass) const {
  const Tensor input = pass.Pop();
  const std::vector<std::int64_t> bias_shape = {gradient.size(1)};
  const auto [by_input, by_weight, by_bias] = at::convolution_backward(
      gradient, input, Stacked(shape_.weight, pass.parameters),
      shape_.bias ? at::OptionalIntArrayRef(bias_shape) : std::nullopt,
      {shape_.stride, shape_.stride}, {shape_.padding, shape_.padding}, {1, 1},
      /*transposed=*/false, {0, 0}, pass.members(),
      std::array<bool, 3>{!shape_.first, true, shape_.bias.has_value()});
  Write(shape_.weight, pass.gradients, by_weight);
  if (shape_.bias) Write(*shape_.bias, pass.gradients, by_bias);
  return by_input;
}

std::string Convolution::Emit(GraphEmitter& graph, const std::string& input) const {
  GraphNode node{.operation = Operation::kConvolution,
                 .inputs = {input},
                 .output = {},
                 .constants = {graph.Parameter(shape_.weight)},
                 .kernel = shape_.weight.shape[2],
                 .stride = shape_.stride,
                 .padding = shape_.padding};
  if (shape_.bias) node.constants.push_back(graph.Parameter(*shape_.bias));
  return graph.Add(std::move(node));
}

Tensor MaxPool::Forward(const Tensor& input, Pass& pass) const {
  auto [output, index] = at::max_pool2d_with_indices(input, {2, 2});
  pass.Push(input);
  pass.Push(index);
  return output;
}

Tensor MaxPool::Backward(const Tensor& gradient, Pass& pass) const {
  const Tensor index = pass.Pop(), input = pass.Pop();
  return at::max_pool2d_with_indices_backward(gradient, input, {2, 2}, {2, 2}, {0, 0}, {1, 1},
                                              /*ceil_mode=*/false, index);
}

std::string MaxPool::Emit(GraphEmitter& graph, const std::string& input) const {
  return graph.Add({.operation = Operation::kMaxPool, .inputs = {input}, .output = {}});
}

Tensor AveragePool::Forward(const Tensor& input, Pass& pass) const {
  pass.Push(input);
  return at::avg_pool2d(input, {2, 2});
}

Tensor AveragePool::Backward(const Tensor& gradient, Pass& pass) const {
  return at::avg_pool2d_backward(gradient, pass.Pop(), {2, 2}, {2, 2}, {0, 0},
                                 /*ceil_mode=*/false, /*count_include_pad=*/true,
                                 /*divisor_override=*/std::nullopt);
}

std::string AveragePool::Emit(GraphEmitter& graph, const std::string& input) const {
  return graph.Add({.operation = Operation::kAveragePool, .inputs = {input}, .output = {}});
}

Tensor Relu::Forward(const Tensor& input, Pass& pass) const {
  Tensor output = at::relu(input);
  pass.Push(output);
  return output;
}

Tensor Relu::Backward(const Tensor& gradient, Pass& pass) const {
  return at::threshold_backward(gradient, pass.Pop(), 0);
}

std::string Relu::Emit(GraphEmitter& graph, const std::string& input) const {
  return graph.Add({.operation = Operation::kRelu, .inputs = {input}, .output = {}});
}

Tensor Flatten::Forward(const Tensor& input, Pass& pass) const {
  if (!first_) pass.Push(input);
  const std::int64_t batch = input.size(0);
  return input.contiguous().view({batch, pass.members(), -1}).transpose(0, 1);
}

Tensor Flatten::Backward(const Tensor& gradient, Pass& pass) const {
  if (first_) return {};
  const Tensor input = pass.Pop();
  return gradient.transpose(0, 1).reshape(input.sizes()).contiguous(input.suggest_memory_format());
}

std::string Flatten::Emit(GraphEmitter& graph, const std::string& input) const {
  return graph.Add({.operation = Operation::kFlatten, .inputs = {input}, .output = {}});
}

Tensor GlobalAverage::Forward(const Tensor& input, Pass& pass) const {
  pass.Push(input);
  return input.mean({2, 3}).view({input.size(0), pass.members(), -1}).transpose(0, 1);
}

Tensor GlobalAverage::Backward(const Tensor& gradient, Pass& pass) const {
  const Tensor input = pass.Pop();
  const double pixels = static_cast<double>(input.size(2) * input.size(3));
  return (gradient.transpose(0, 1).reshape({input.size(0), -1, 1, 1}) / pixels)
      .expand(input.sizes())
      .contiguous(input.suggest_memory_format());
}

std::string GlobalAverage::Emit(GraphEmitter& graph, const std::string& input) const {
  return graph.Add({.operation = Operation::kGlobalAverage, .inputs = {input}, .output = {}});
}

Tensor Linear::Forward(const Tensor& input, Pass& pass) const {
  const std::int64_t members = pass.members(), outputs = weight_.shape[0];
  const Tensor weight = weight_.Rows(pass.parameters).view({members, outputs, -1});
  const Tensor bias = bias_.Rows(pass.parameters).unsqueeze(1);
  pass.Push(input);
  Tensor output = at::baddbmm(bias, input, weight.transpose(1, 2));
  if (relu_) {
    output.relu_();
    pass.Push(output);
  }
  return output;
}

Tensor Linear::Backward(const Tensor& gradient, Pass& pass) const {
  const std::int64_t members = pass.members(), outputs = weight_.shape[0];
  const Tensor weight = weight_.Rows(pass.parameters).view({members, outputs, -1});
  const Tensor inner = relu_ ? at::threshold_backward(gradient, pass.Pop(), 0) : gradient;
  const Tensor input = pass.Pop();
  Write(weight_, pass.gradients, at::bmm(inner.transpose(1, 2), input));
  bias_.Rows(pass.gradients).copy_(inner.sum(1));
  return at::bmm(inner, weight);
}

std::string Linear::Emit(GraphEmitter& graph, const std::string& input) const {
  const std::string output =
      graph.Add({.operation = Operation::kLinear,
                 .inputs = {input},
                 .output = {},
                 .constants = {graph.Parameter(weight_), graph.Parameter(bias_)}});
  if (!relu_) return output;
  return graph.Add({.operation = Operation::kRelu, .inputs = {output}, .output = {}});
}

}  // namespace duet::tasks
