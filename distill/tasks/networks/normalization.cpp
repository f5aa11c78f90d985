#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <utility>

#include "distill/tasks/networks/layers.h"
#include "distill/tasks/networks/map_kernels.h"

namespace duet::tasks {
namespace {

Tensor Flat(const ParameterBlock& block, const Tensor& rows) {
  return block.Rows(rows).reshape({-1});
}

void Write(const ParameterBlock& block, const Tensor& rows, const Tensor& values) {
  block.Rows(rows).copy_(values.view({rows.size(0), -1}));
}

// running += momentum (batch - running)
void Move(const ParameterBlock& block, const Pass& pass, const Tensor& batch) {
  const Tensor running = block.Rows(pass.buffers);
  running.add_(batch.view(running.sizes()) - running, pass.momentum);
}

Tensor PerChannel(const Tensor& values) { return values.view({1, -1, 1, 1}); }

const float* Data(const Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

// Whether the kernels of map_kernels.h know such maps.
bool HasKernels(const Tensor& map, bool pool) {
  return map.is_cpu() && map.scalar_type() == at::kFloat &&
         map.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         map.size(1) % kChannelsTogether == 0 &&
         (!pool || (map.size(2) % 2 == 0 && map.size(3) % 2 == 0));
}

MapSize SizeOf(const Tensor& map) {
  return {
      .images = map.size(0), .height = map.size(2), .width = map.size(3), .channels = map.size(1)};
}

Tensor EmptyMap(const Tensor& like, std::int64_t divisor = 1) {
  return at::empty({like.size(0), like.size(1), like.size(2) / divisor, like.size(3) / divisor},
                   like.options(), at::MemoryFormat::ChannelsLast);
}

struct Moments {
  Tensor mean, variance;  // [channels], biased
};

Moments MomentsOf(const Tensor& map) {
  if (!HasKernels(map, false)) {
    const auto [variance, mean] = at::var_mean(map, at::IntArrayRef{0, 2, 3}, /*correction=*/0);
    return {mean, variance};
  }
  Moments moments = {at::empty({map.size(1)}, map.options()),
                     at::empty({map.size(1)}, map.options())};
  ChannelMoments(Data(map), SizeOf(map), moments.mean.mutable_data_ptr<float>(),
                 moments.variance.mutable_data_ptr<float>());
  return moments;
}

// map * factor + shift + other and its ReLU.
Tensor Scaled(const Tensor& map, const Tensor& factor, const Tensor& shift, const Tensor& other,
              bool relu) {
  const bool kernels = HasKernels(map, false) && (!other.defined() || HasKernels(other, false));
  if (!kernels || (other.defined() && !relu)) {
    Tensor output = map * PerChannel(factor) + PerChannel(shift);
    if (other.defined()) output.add_(other);
    return relu ? output.relu_() : output;
  }
  Tensor output = EmptyMap(map);
  ScaleMap(Data(map), SizeOf(map), Data(factor), Data(shift), Data(other), relu,
           output.mutable_data_ptr<float>());
  return output;
}

// What the gradient by the output of a normalisation is behind its ReLU and its pooling: that by
// the output where `output` is undefined or positive, or at the winners.
struct InnerGradient {
  Tensor gradient;
  Tensor output;  // undefined: there is no ReLU left to go through
  Tensor winner;  // undefined: there is no pooling left to go through
};

struct Sums {
  Tensor gradient, product;  // [channels]: sum of the inner gradient, and of it times (map - mean)
  Tensor masked;             // the inner gradient itself, where it was asked for
};

Sums SumsOf(const InnerGradient& inner, const Tensor& map, const Tensor& mean, bool with_masked) {
  if (!HasKernels(map, false)) {
    return {inner.gradient.sum({0, 2, 3}),
            (inner.gradient * (map - PerChannel(mean))).sum({0, 2, 3}), inner.gradient};
  }
  Sums sums = {at::empty_like(mean), at::empty_like(mean), {}};
  float* one = sums.gradient.mutable_data_ptr<float>();
  float* two = sums.product.mutable_data_ptr<float>();
  if (inner.winner.defined()) {
    SumPooledGradients(Data(inner.gradient), Data(map), SizeOf(map), Data(mean),
                       inner.winner.const_data_ptr<std::int32_t>(), one, two);
    return sums;
  }
  const bool masks = with_masked && inner.output.defined();
  sums.masked = masks ? EmptyMap(map) : inner.gradient;
  SumGradients(Data(inner.gradient), Data(map), SizeOf(map), Data(mean), Data(inner.output),
               masks ? sums.masked.mutable_data_ptr<float>() : nullptr, one, two);
  return sums;
}

// a * gradient + b * map + c
Tensor Combined(const InnerGradient& inner, const Tensor& map, const Tensor& a, const Tensor& b,
                const Tensor& c) {
  if (!HasKernels(map, false)) {
    return inner.gradient * PerChannel(a) + (map * PerChannel(b) + PerChannel(c));
  }
  Tensor by_map = EmptyMap(map);
  if (inner.winner.defined()) {
    CombinePooledGradients(Data(inner.gradient), Data(map), SizeOf(map),
                           inner.winner.const_data_ptr<std::int32_t>(), Data(a), Data(b), Data(c),
                           by_map.mutable_data_ptr<float>());
  } else {
    CombineGradients(Data(inner.gradient), Data(map), SizeOf(map), Data(inner.output), Data(a),
                     Data(b), Data(c), by_map.mutable_data_ptr<float>());
  }
  return by_map;
}

// The tape as Forward left it, but for input, mean and precision.
InnerGradient TakeInnerGradient(const Tensor& gradient, bool relu, bool pool, Pass& pass) {
  if (!pool) return {gradient, relu ? pass.Pop() : Tensor(), {}};
  const Tensor winner = pass.Pop();
  if (winner.scalar_type() == at::kInt) return {gradient, {}, winner};
  const Tensor output = pass.Pop();
  const Tensor before = at::max_pool2d_with_indices_backward(
      gradient, output, {2, 2}, {2, 2}, {0, 0}, {1, 1}, /*ceil_mode=*/false, winner);
  return {before, relu ? output : Tensor(), {}};
}

}  // namespace

Tensor Normalization::ForwardWith(const Tensor& input, const Tensor& other, Pass& pass) const {
  const Tensor bias = shape_.bias ? Flat(*shape_.bias, pass.parameters) : Tensor();
  Moments moments;
  if (pass.training) {
    moments = MomentsOf(input);
    const double count = static_cast<double>(input.numel() / input.size(1));
    Move(shape_.running_mean, pass, bias.defined() ? moments.mean + bias : moments.mean);
    Move(shape_.running_variance, pass, moments.variance * (count / (count - 1.0)));
  } else {
    const Tensor mean = Flat(shape_.running_mean, pass.buffers);
    moments = {bias.defined() ? mean - bias : mean, Flat(shape_.running_variance, pass.buffers)};
  }
  const Tensor precision = at::rsqrt(moments.variance + kNormalizationEpsilon);
  const Tensor factor = precision * Flat(shape_.scale, pass.parameters);
  const Tensor shift = Flat(shape_.shift, pass.parameters) - moments.mean * factor;
  pass.Push(input);
  pass.Push(moments.mean);
  pass.Push(precision);
  if (shape_.pool) return Pooled(input, factor, shift, pass);
  Tensor output = Scaled(input, factor, shift, other, shape_.relu);
  if (shape_.relu) pass.Push(output);
  return output;
}

Tensor Normalization::Pooled(const Tensor& input, const Tensor& factor, const Tensor& shift,
                             Pass& pass) const {
  if (!shape_.relu || !HasKernels(input, true)) {
    const Tensor output = Scaled(input, factor, shift, {}, shape_.relu);
    auto [pooled, index] = at::max_pool2d_with_indices(output, {2, 2});
    pass.Push(output);
    pass.Push(index);
    return pooled;
  }
  Tensor output = EmptyMap(input, 2);
  const Tensor winner = at::empty_like(output, output.options().dtype(at::kInt));
  ScaleAndPoolMap(Data(input), SizeOf(input), Data(factor), Data(shift),
                  output.mutable_data_ptr<float>(), winner.mutable_data_ptr<std::int32_t>());
  pass.Push(winner);
  return output;
}

Normalization::Gradients Normalization::BackwardWith(const Tensor& gradient, Pass& pass) const {
  InnerGradient inner = TakeInnerGradient(gradient, shape_.relu, shape_.pool, pass);
  const Tensor precision = pass.Pop(), mean = pass.Pop(), input = pass.Pop();
  const bool kernels = HasKernels(input, false);
  if (kernels) {
    inner.gradient = inner.gradient.contiguous(at::MemoryFormat::ChannelsLast);
  } else if (inner.output.defined()) {
    inner.gradient = at::threshold_backward(inner.gradient, std::exchange(inner.output, {}), 0);
  }
  const Sums sums = SumsOf(inner, input, mean, shape_.adds);
  const Tensor by_scale = sums.product * precision;
  Write(shape_.scale, pass.gradients, by_scale);
  Write(shape_.shift, pass.gradients, sums.gradient);
  const Tensor slope = Flat(shape_.scale, pass.parameters) * precision;
  Tensor by_map = at::zeros_like(slope), constant = at::zeros_like(slope);
  if (pass.training) {
    // slope (g - mean of g - x^ * mean of g x^), with x^ = (x - mean) precision
    const double count = static_cast<double>(input.numel() / input.size(1));
    by_map = -slope * precision * by_scale / count;
    constant = -slope * sums.gradient / count - by_map * mean;
  }
  if (shape_.bias) {
    Write(*shape_.bias, pass.gradients, pass.training ? by_map * 0.0 : sums.gradient * slope);
  }
  return {Combined(inner, input, slope, by_map, constant), sums.masked};
}

std::string Normalization::Emit(GraphEmitter& graph, const std::string& input) const {
  return EmitWith(graph, input, "");
}

std::string Normalization::EmitWith(GraphEmitter& graph, const std::string& input,
                                    const std::string& other) const {
  std::pair<std::string, Tensor> mean = graph.Buffer(shape_.running_mean);
  if (shape_.bias) mean.second = mean.second - graph.Parameter(*shape_.bias).second;
  std::string x =
      graph.Add({.operation = Operation::kNormalization,
                 .inputs = {input},
                 .output = {},
                 .constants = {graph.Parameter(shape_.scale), graph.Parameter(shape_.shift),
                               std::move(mean), graph.Buffer(shape_.running_variance)}});
  const auto follow = [&](Operation operation, std::vector<std::string> inputs) {
    x = graph.Add({.operation = operation, .inputs = std::move(inputs), .output = {}});
  };
  if (shape_.adds) follow(Operation::kAdd, {x, other});
  if (shape_.relu) follow(Operation::kRelu, {x});
  if (shape_.pool) follow(Operation::kMaxPool, {x});
  return x;
}

}  // namespace duet::tasks
