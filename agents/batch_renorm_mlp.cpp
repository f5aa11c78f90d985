#include "agents/batch_renorm_mlp.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <numeric>
#include <stdexcept>
#include <utility>

#include "agents/host_loops.h"
#include "agents/live_samples.h"
#include "agents/members.h"
#include "agents/product.h"
#include "core/error.h"

namespace duet::agents {

void VisitFields(core::FieldVisitor& v, BatchRenormConfig& c) {
  v.Field("momentum", c.momentum, {0.0, 1.0}, "share of the old in the running statistics");
  v.Field("epsilon", c.epsilon, {0.0, 1.0, true}, "added to variances");
  v.Field("r_max", c.r_max, {1.0, 1e9}, "bound of the correction r: in [1/r_max, r_max]");
  v.Field("d_max", c.d_max, {0.0, 1e9}, "bound of the correction d: in [-d_max, d_max]");
  v.Field("warmup_steps", c.warmup_steps, {0, 10'000'000},
          "first gradient steps, by the batch's statistics alone (r = 1, d = 0)");
}

namespace {

// Sum of the inputs of every layer.
std::int64_t CountInputs(const MlpShape& shape) {
  return std::accumulate(shape.hidden.begin(), shape.hidden.end(), shape.input);
}

MlpShape LayersShape(MlpShape shape, bool normalized) {
  if (shape.activation != Activation::kRelu || shape.output_activation != OutputActivation::kNone) {
    throw std::logic_error("a network with batch renormalisation has ReLUs and a linear output");
  }
  if (normalized) shape.free_parameters += 2 * CountInputs(shape);
  return shape;
}

Tensor InitialStatistics(const MlpShape& shape, at::Device device) {
  const std::int64_t inputs = CountInputs(shape);
  Tensor statistics = at::zeros({shape.members, 2 * inputs + 1},
                                at::TensorOptions().dtype(at::kFloat).device(device));
  statistics.narrow(1, inputs, inputs).fill_(1.0);
  return statistics;
}

// Views of the columns of `rows` from `offset` on, one per layer: [M, in, 1] or [M, 1, in].
std::vector<Tensor> ViewsPerInput(const Mlp& layers, const Tensor& rows, std::int64_t& offset,
                                  bool upright) {
  std::vector<Tensor> views;
  for (std::int64_t layer = 0; layer < layers.num_layers(); ++layer) {
    const std::int64_t width = layers.weight(layer).size(1);
    const Tensor view = rows.narrow(1, offset, width);
    views.push_back(view.unsqueeze(upright ? 2 : 1));
    offset += width;
  }
  return views;
}

// In memory of the update's own: the system takes as long to hand out a wide layer's as the
// multiplication does.
Tensor Times(const Tensor& weight, const Tensor& factors) {
  Tensor product = EmptyLike(weight, weight.sizes());
  at::mul_out(product, weight, factors);
  return product;
}

}  // namespace

BatchRenormMlp::BatchRenormMlp(MlpShape shape, const BatchRenormConfig& config, at::Device device)
    : BatchRenormMlp(shape, config, Mlp(LayersShape(shape, config.enabled), device),
                     InitialStatistics(shape, device)) {
  for (const Tensor& scale : scales_) scale.fill_(1.0);
}

BatchRenormMlp::BatchRenormMlp(MlpShape shape, const BatchRenormConfig& config, Mlp layers,
                               Tensor statistics)
    : shape_(std::move(shape)),
      config_(config),
      layers_(std::move(layers)),
      statistics_(std::move(statistics)) {
  std::int64_t offset = 0;
  running_means_ = ViewsPerInput(layers_, statistics_, offset, /*upright=*/false);
  running_variances_ = ViewsPerInput(layers_, statistics_, offset, /*upright=*/false);
  num_batches_ = statistics_.narrow(1, offset, 1).unsqueeze(2);
  const Tensor& parameters = layers_.free_parameters();
  const Tensor& gradients = layers_.free_gradients();
  offset = 0;
  if (config_.enabled) {
    scales_ = ViewsPerInput(layers_, parameters, offset, /*upright=*/true);
    shifts_ = ViewsPerInput(layers_, parameters, offset, /*upright=*/true);
    offset = 0;
    scale_gradients_ = ViewsPerInput(layers_, gradients, offset, /*upright=*/true);
    shift_gradients_ = ViewsPerInput(layers_, gradients, offset, /*upright=*/true);
  }
  free_parameters_ = parameters.narrow(1, offset, shape_.free_parameters);
  free_gradients_ = gradients.narrow(1, offset, shape_.free_parameters);
}

BatchRenormMlp BatchRenormMlp::Slice(std::int64_t first, std::int64_t count) const {
  MlpShape shape = shape_;
  shape.members = count;
  return {std::move(shape), config_, layers_.Slice(first, count),
          statistics_.narrow(0, first, count)};
}

void BatchRenormMlp::CopyFrom(const BatchRenormMlp& other) {
  layers_.CopyFrom(other.layers_);
  statistics_.copy_(other.statistics_);
}

void BatchRenormMlp::Initialize(std::span<core::Rng> rngs, double final_layer_scale) {
  layers_.Initialize(rngs, final_layer_scale);
}

void BatchRenormMlp::InitializeOrthogonal(std::span<core::Rng> rngs, double gain,
                                          double output_gain) {
  layers_.InitializeOrthogonal(rngs, gain, output_gain);
}

BatchRenormMlp::Tape::Normalization BatchRenormMlp::NormalizeByRunning(const Tensor& x,
                                                                       std::int64_t layer) const {
  const Tensor factor = at::rsqrt(running_variances_[layer] + config_.epsilon);
  return {.factor = factor, .output = (x - running_means_[layer]).mul_(factor)};
}

// Algorithm 1 of arXiv:1702.03275.
BatchRenormMlp::Tape::Normalization BatchRenormMlp::NormalizeByBatch(const Tensor& x,
                                                                     std::int64_t layer) const {
  const Tensor mean = x.mean(1, /*keepdim=*/true);
  Tensor output = x - mean;
  const Tensor variance = output.square().mean(1, /*keepdim=*/true);
  const Tensor deviation = at::sqrt(variance + config_.epsilon);
  const Tensor running_deviation = at::sqrt(running_variances_[layer] + config_.epsilon);
  const Tensor warm = num_batches_.ge(config_.warmup_steps).to(at::kFloat);
  const Tensor r_bound = warm * (config_.r_max - 1.0) + 1.0;
  const Tensor d_bound = warm * config_.d_max;
  const Tensor r = at::clamp(deviation / running_deviation, 1.0 / r_bound, r_bound);
  const Tensor d = at::clamp((mean - running_means_[layer]) / running_deviation, -d_bound, d_bound);
  const Tensor factor = r / deviation;
  at::addcmul_out(output, d, output, factor);
  return {.mean = mean, .variance = variance, .r = r, .d = d, .factor = factor, .output = output};
}

Tensor BatchRenormMlp::Forward(const Tensor& input) const {
  if (!config_.enabled) return layers_.Forward(input);
  CheckShape(input, {shape_.members, -1, shape_.input}, "network input");
  Tensor x = input;
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    x = NormalizeByRunning(x, layer).output;
    x.mul_(scales_[layer].transpose(1, 2)).add_(shifts_[layer].transpose(1, 2));
    x = Linear(x, weight(layer), bias(layer),
               layer + 1 < num_layers() ? Epilogue::kRelu : Epilogue::kNone, shape_.precision);
  }
  return x;
}

Tensor BatchRenormMlp::Forward(const Tensor& input, Tape& tape) const {
  return Run(input, tape, /*training=*/false);
}

Tensor BatchRenormMlp::ForwardTraining(const Tensor& input, Tape& tape) const {
  return Run(input, tape, /*training=*/true);
}

// Scale and shift go into the layer, (scale x^ + shift) W + b = x^ (scale W) + (shift W + b), where
// they cost a pass over a matrix instead of over the batch.
Tensor BatchRenormMlp::Run(const Tensor& input, Tape& tape, bool training) const {
  if (!config_.enabled) return layers_.Forward(input, tape.layers);
  CheckShape(input, {shape_.members, -1, shape_.input}, "network input");
  tape = {};
  Tensor x = input;
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    tape.layers.inputs.push_back(x);
    Tape::Normalization step = training ? NormalizeByBatch(x, layer) : NormalizeByRunning(x, layer);
    step.weight = Times(weight(layer), scales_[layer]);
    const Tensor bias =
        at::baddbmm(this->bias(layer), shifts_[layer].transpose(1, 2), weight(layer));
    x = Linear(step.output, step.weight, bias,
               layer + 1 < num_layers() ? Epilogue::kRelu : Epilogue::kNone, shape_.precision);
    tape.normalizations.push_back(std::move(step));
  }
  tape.layers.output = x;
  return x;
}

void BatchRenormMlp::UpdateStatistics(const Tape& tape) {
  if (!config_.enabled) return;
  std::vector<Tensor> moments;
  for (const Tape::Normalization& step : tape.normalizations) moments.push_back(step.mean);
  for (const Tape::Normalization& step : tape.normalizations) moments.push_back(step.variance);
  const Tensor batch = at::cat(moments, 2).squeeze(1);
  Tensor running = statistics_.narrow(1, 0, batch.size(1));
  running.lerp_(at::where(batch.isfinite(), batch, running), 1.0 - config_.momentum);
  num_batches_.add_(1.0);
}

// With G the gradient by the layer's output: the gradients by scale, shift and weight all follow
// from x^' G and the sum of G, since scale W and shift W + b are what meets the batch.
void BatchRenormMlp::Backward(const Tape& tape, const Tensor& output_gradient) {
  if (!config_.enabled) return layers_.Backward(tape.layers, output_gradient);
  CheckShape(output_gradient, {shape_.members, tape.layers.output.size(1), shape_.output},
             "output gradient");
  Tensor gradient = output_gradient;
  for (std::int64_t layer = num_layers() - 1; layer >= 0; --layer) {
    const Tape::Normalization& step = tape.normalizations[layer];
    Tensor by_weight = layers_.weight_gradient(layer);
    Tensor by_bias = layers_.bias_gradient(layer);
    MultiplyTransposedOut(by_weight, step.output, gradient, shape_.precision);
    SumBatchOut(by_bias, gradient);
    scale_gradients_[layer].copy_(Times(by_weight, weight(layer)).sum(2, /*keepdim=*/true));
    shift_gradients_[layer].copy_(at::bmm(weight(layer), by_bias.transpose(1, 2)));
    by_weight.mul_(scales_[layer]).addcmul_(shifts_[layer], by_bias);
    if (layer == 0) break;
    gradient = ThroughLayer(step, layer, gradient, {});
    ReluBackward(gradient, tape.layers.inputs[layer]);
  }
}

// In training, for y = (x - mean) / deviation, of which x^ = r y + d, and n samples:
//   dL/dx = factor * (dL/dx^ - mean(dL/dx^) - y * mean(y dL/dx^)).
// The two means are what the gradients by shift and scale hold: sum(dL/dx^) = scale * dL/dshift and
// sum(x^ dL/dx^) = scale * dL/dscale. The factor goes into the layer's weight.
Tensor BatchRenormMlp::ThroughLayer(const Tape::Normalization& step, std::int64_t layer,
                                    const Tensor& output_gradient,
                                    std::span<const std::int64_t> rows) const {
  const Tensor weight = Times(step.weight, step.factor.transpose(1, 2));
  Tensor gradient = Multiply(output_gradient, weight.transpose(1, 2), shape_.precision, rows);
  if (!step.mean.defined()) return gradient;
  const auto samples = static_cast<double>(gradient.size(1));
  const Tensor scale = scales_[layer].transpose(1, 2) * step.factor / samples;
  const Tensor mean = scale * shift_gradients_[layer].transpose(1, 2);
  const Tensor product_mean = scale * scale_gradients_[layer].transpose(1, 2);
  const Tensor by_output = (product_mean - step.d * mean) / step.r.square();
  return gradient.addcmul_(step.output, by_output, -1.0).add_(step.d * by_output - mean);
}

Tensor BatchRenormMlp::InputGradient(const Tape& tape, const Tensor& output_gradient,
                                     std::int64_t first, std::int64_t count) const {
  if (!config_.enabled) {
    return layers_.InputGradient(tape.layers, output_gradient, first, count);
  }
  if (tape.training()) throw std::logic_error("the input gradient is that of an evaluation");
  const LiveSamples live(output_gradient);
  Tensor gradient = live.Pack(output_gradient);
  for (std::int64_t layer = num_layers() - 1; layer > 0; --layer) {
    gradient = ThroughLayer(tape.normalizations[layer], layer, gradient, live.rows());
    live.ReluBackward(gradient, tape.layers.inputs[layer]);
  }
  const Tape::Normalization& step = tape.normalizations[0];
  const Tensor weight = step.weight.narrow(1, first, count);
  return live.Unpack(Multiply(gradient, weight.transpose(1, 2), shape_.precision, live.rows()))
      .mul_(step.factor.narrow(2, first, count));
}

void BatchRenormMlp::Save(core::ArchiveWriter& archive, const std::string& name) const {
  layers_.Save(archive, name);
  if (config_.enabled) SaveTensor(archive, name + ".statistics", statistics_.unsqueeze(1));
}

void BatchRenormMlp::Load(const core::ArchiveReader& archive, const std::string& name,
                          std::span<const std::int64_t> members) {
  layers_.Load(archive, name, members);
  const std::string statistics = name + ".statistics";
  if (config_.enabled) return LoadRows(archive, statistics, statistics_.unsqueeze(1), members);
  if (archive.Has(statistics)) {
    throw IoError(
        fmt::format("{}: \"{}\" is of networks with batch renormalisation; this run's are without",
                    archive.path().string(), statistics));
  }
}

void BatchRenormMlp::Load(const core::ArchiveReader& archive, const std::string& name) {
  Load(archive, name, AllMembers(shape_.members));
}

}  // namespace duet::agents
