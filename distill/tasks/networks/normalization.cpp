#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "distill/tasks/networks/layers.h"

namespace duet::tasks {
namespace {

constexpr double kEpsilon = 1e-5;  // of PyTorch's BatchNorm2d

Tensor Flat(const ParameterBlock& block, const Tensor& rows) {
  return block.Rows(rows).reshape({-1});
}

// running += momentum (batch - running)
void Move(const ParameterBlock& block, const Pass& pass, const Tensor& batch) {
  const Tensor running = block.Rows(pass.buffers);
  running.add_(batch.view(running.sizes()) - running, pass.momentum);
}

}  // namespace

Tensor Normalization::ForwardWith(const Tensor& input, const Tensor& other, Pass& pass) const {
  const Tensor scale = Flat(shape_.scale, pass.parameters);
  const Tensor shift = Flat(shape_.shift, pass.parameters);
  const Tensor bias = shape_.bias ? Flat(*shape_.bias, pass.parameters) : Tensor();
  Tensor mean, variance;
  if (pass.training) {
    std::tie(variance, mean) = at::var_mean(input, at::IntArrayRef{0, 2, 3}, /*correction=*/0);
    const double count = static_cast<double>(input.numel() / input.size(1));
    Move(shape_.running_mean, pass, bias.defined() ? mean + bias : mean);
    Move(shape_.running_variance, pass, variance * (count / (count - 1.0)));
  } else {
    mean = Flat(shape_.running_mean, pass.buffers);
    if (bias.defined()) mean = mean - bias;
    variance = Flat(shape_.running_variance, pass.buffers);
  }
  const Tensor factor = at::rsqrt(variance + kEpsilon);
  const auto per_channel = [](const Tensor& t) { return t.view({1, -1, 1, 1}); };
  Tensor output = input * per_channel(factor * scale) + per_channel(shift - mean * factor * scale);
  if (other.defined()) output.add_(other);
  if (shape_.relu) output.relu_();
  pass.Push(input);
  pass.Push(mean);
  pass.Push(factor);
  pass.Push(output);
  if (!shape_.pool) return output;
  auto [pooled, index] = at::max_pool2d_with_indices(output, {2, 2});
  pass.Push(index);
  return pooled;
}

Normalization::Gradients Normalization::BackwardWith(const Tensor& gradient, Pass& pass) const {
  const Tensor index = shape_.pool ? pass.Pop() : Tensor();
  const Tensor output = pass.Pop(), factor = pass.Pop(), mean = pass.Pop(), input = pass.Pop();
  Tensor inner = gradient;
  if (shape_.pool) {
    inner = at::max_pool2d_with_indices_backward(inner, output, {2, 2}, {2, 2}, {0, 0}, {1, 1},
                                                 /*ceil_mode=*/false, index);
  }
  if (shape_.relu) inner = at::threshold_backward(inner, output, 0);
  const auto per_channel = [](const Tensor& t) { return t.view({1, -1, 1, 1}); };
  const Tensor normalized = (input - per_channel(mean)) * per_channel(factor);
  const Tensor by_scale = (inner * normalized).sum({0, 2, 3}), by_shift = inner.sum({0, 2, 3});
  const std::int64_t members = pass.members();
  shape_.scale.Rows(pass.gradients).copy_(by_scale.view({members, -1}));
  shape_.shift.Rows(pass.gradients).copy_(by_shift.view({members, -1}));
  const Tensor slope = Flat(shape_.scale, pass.parameters) * factor;
  if (!pass.training) {
    if (shape_.bias) {
      shape_.bias->Rows(pass.gradients).copy_((by_shift * slope).view({members, -1}));
    }
    return {inner * per_channel(slope), inner};
  }
  if (shape_.bias) shape_.bias->Rows(pass.gradients).zero_();
  const double count = static_cast<double>(input.numel() / input.size(1));
  const Tensor through =
      inner - per_channel(by_shift / count) - normalized * per_channel(by_scale / count);
  return {through * per_channel(slope), inner};
}

}  // namespace duet::tasks
