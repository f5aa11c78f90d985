#include "distill/tasks/networks/network_builder.h"

#include <utility>

namespace duet::tasks {
namespace {

ParameterBlock Append(std::vector<ParameterBlock>& blocks, std::int64_t& count,
                      ParameterBlock block) {
  block.offset = count;
  count += block.size();
  blocks.push_back(block);
  return block;
}

}  // namespace

NetworkBuilder::NetworkBuilder(const ImageShape& images)
    : size{images.channels, images.height, images.width} {}

ParameterBlock NetworkBuilder::Parameter(const std::string& name, ParameterKind kind,
                                         std::vector<std::int64_t> shape, std::int64_t inputs,
                                         Start start) {
  return Append(
      network_.parameters, network_.num_parameters,
      {.name = name, .kind = kind, .shape = std::move(shape), .inputs = inputs, .start = start});
}

ParameterBlock NetworkBuilder::Buffer(const std::string& name, Start start) {
  return Append(
      network_.buffers, network_.num_buffers,
      {.name = name, .kind = ParameterKind::kStatistics, .shape = {size[0]}, .start = start});
}

LayerPointer NetworkBuilder::Convolve(const std::string& name, const ConvolutionShape& s,
                                      bool bias) {
  const std::int64_t inputs = size[0] * s.kernel * s.kernel;
  const bool first = network_.parameters.empty();
  Convolution::Shape shape{
      .weight = Parameter(name + ".weight", ParameterKind::kConvolution,
                          {s.outputs, size[0], s.kernel, s.kernel}, inputs, s.start),
      .bias = {},
      .stride = s.stride,
      .padding = s.padding,
      .first = first};
  const auto out = [&](std::int64_t pixels) {
    return (pixels + 2 * s.padding - s.kernel) / s.stride + 1;
  };
  size = {s.outputs, out(size[1]), out(size[2])};
  if (bias) {
    shape.bias =
        Parameter(name + ".bias", ParameterKind::kBias, {s.outputs}, inputs, Start::kUniform);
  }
  network_.num_multiplications += inputs * size[0] * size[1] * size[2];
  return std::make_unique<Convolution>(std::move(shape));
}

Normalization NetworkBuilder::Normalize(const std::string& name, const NormalizationShape& s) {
  Normalization::Shape shape;
  shape.relu = s.relu;
  shape.pool = s.pool;
  shape.adds = s.adds;
  if (s.bias) {
    const std::int64_t inputs = network_.parameters.back().inputs;
    shape.bias =
        Parameter(name + ".bias", ParameterKind::kBias, {size[0]}, inputs, Start::kUniform);
  }
  shape.scale = Parameter(name + ".scale", ParameterKind::kScale, {size[0]}, 1, Start::kOne);
  shape.shift = Parameter(name + ".shift", ParameterKind::kShift, {size[0]}, 1, Start::kZero);
  shape.running_mean = Buffer(name + ".running_mean", Start::kZero);
  shape.running_variance = Buffer(name + ".running_variance", Start::kOne);
  if (s.pool) size = {size[0], size[1] / 2, size[2] / 2};
  return Normalization(std::move(shape));
}

LayerPointer NetworkBuilder::Pool() {
  size = {size[0], size[1] / 2, size[2] / 2};
  return std::make_unique<MaxPool>();
}

LayerPointer NetworkBuilder::PoolAverage() {
  size = {size[0], size[1] / 2, size[2] / 2};
  return std::make_unique<AveragePool>();
}

LayerPointer NetworkBuilder::Flat() {
  size = {size[0] * size[1] * size[2]};
  return std::make_unique<Flatten>(/*first=*/network_.parameters.empty());
}

LayerPointer NetworkBuilder::Average() {
  size = {size[0]};
  return std::make_unique<GlobalAverage>();
}

LayerPointer NetworkBuilder::Connect(const std::string& name, std::int64_t outputs, bool relu) {
  const std::int64_t inputs = size[0];
  ParameterBlock weight = Parameter(name + ".weight", ParameterKind::kLinear, {outputs, inputs},
                                    inputs, Start::kUniform);
  ParameterBlock bias =
      Parameter(name + ".bias", ParameterKind::kBias, {outputs}, inputs, Start::kUniform);
  network_.num_multiplications += inputs * outputs;
  size = {outputs};
  return std::make_unique<Linear>(std::move(weight), std::move(bias), relu);
}

void NetworkBuilder::Add(std::string name, LayerPointer layer) {
  if (!name.empty()) network_.names.push_back(name);
  network_.steps.push_back({.name = std::move(name), .layer = std::move(layer), .shape = size});
}

Network NetworkBuilder::Finish() { return std::move(network_); }

}  // namespace duet::tasks
