#include "agents/mlp.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "agents/host_loops.h"
#include "agents/live_samples.h"
#include "agents/members.h"
#include "core/error.h"

namespace duet::agents {
namespace {

std::vector<std::int64_t> LayerSizes(const MlpShape& shape) {
  std::vector<std::int64_t> sizes = {shape.input};
  sizes.insert(sizes.end(), shape.hidden.begin(), shape.hidden.end());
  sizes.push_back(shape.output);
  return sizes;
}

std::int64_t CountParameters(const MlpShape& shape) {
  const std::vector<std::int64_t> sizes = LayerSizes(shape);
  std::int64_t count = shape.free_parameters;
  for (std::size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
    count += (sizes[layer] + 1) * sizes[layer + 1];
  }
  return count;
}

Tensor MakeRows(const MlpShape& shape, at::Device device) {
  return at::zeros({shape.members, CountParameters(shape)},
                   at::TensorOptions().dtype(at::kFloat).device(device));
}

// Views of rows [M, P]: [M, in, out] and [M, 1, out] per layer, one after the other, then the free
// ones, [M, F].
void MakeViews(const Tensor& rows, const MlpShape& shape, std::vector<Tensor>& weights,
               std::vector<Tensor>& biases, Tensor& free) {
  const std::vector<std::int64_t> sizes = LayerSizes(shape);
  std::int64_t offset = 0;
  const auto take = [&](std::int64_t height, std::int64_t width) {
    Tensor view = rows.narrow(1, offset, height * width).view({shape.members, height, width});
    offset += height * width;
    return view;
  };
  for (std::size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
    weights.push_back(take(sizes[layer], sizes[layer + 1]));
    biases.push_back(take(1, sizes[layer + 1]));
  }
  free = rows.narrow(1, offset, shape.free_parameters);
}

// An orthogonal matrix [rows, columns] of normal draws: the Q of their QR decomposition, with the
// signs that make it uniformly distributed, as torch.nn.init.orthogonal_.
Tensor DrawOrthogonal(core::Rng& rng, std::int64_t rows, std::int64_t columns) {
  const bool wide = rows < columns;
  Tensor draws = at::empty({std::max(rows, columns), std::min(rows, columns)}, at::kFloat);
  float* value = draws.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < draws.numel(); ++i) *value++ = static_cast<float>(rng.Normal());
  const auto [q, r] = at::linalg_qr(draws);
  const Tensor matrix = q * r.diagonal().sign();
  return wide ? matrix.t() : matrix;
}

}  // namespace

Mlp::Mlp(MlpShape shape, at::Device device)
    : Mlp(shape, MakeRows(shape, device), MakeRows(shape, device)) {}

Mlp::Mlp(MlpShape shape, Tensor parameters, Tensor gradients)
    : shape_(std::move(shape)),
      parameters_(std::move(parameters)),
      gradients_(std::move(gradients)) {
  MakeViews(parameters_, shape_, weights_, biases_, free_parameters_);
  MakeViews(gradients_, shape_, weight_gradients_, bias_gradients_, free_gradients_);
  for (const Tensor& weight : weights_) transposed_weights_.push_back(weight.transpose(1, 2));
}

Mlp Mlp::Slice(std::int64_t first, std::int64_t count, std::int64_t step) const {
  MlpShape shape = shape_;
  shape.members = count;
  const std::int64_t end = first + (count - 1) * step + 1;
  return {std::move(shape), parameters_.slice(0, first, end, step),
          gradients_.slice(0, first, end, step)};
}

void Mlp::Initialize(std::span<core::Rng> rngs, double final_layer_scale) {
  const std::int64_t stack = shape_.members / static_cast<std::int64_t>(rngs.size());
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    const bool last = layer + 1 == num_layers();
    const double scale = last && final_layer_scale > 0.0
                             ? final_layer_scale
                             : 1.0 / std::sqrt(static_cast<double>(weights_[layer].size(1)));
    for (const Tensor& view : {weights_[layer], biases_[layer]}) {
      Tensor values = at::empty(view.sizes(), at::kFloat);
      float* value = values.mutable_data_ptr<float>();
      const std::int64_t per_row = values.numel() / shape_.members;
      for (std::int64_t row = 0; row < shape_.members; ++row) {
        core::Rng& rng = rngs[static_cast<std::size_t>(row / stack)];
        for (std::int64_t i = 0; i < per_row; ++i) {
          *value++ = static_cast<float>(rng.Uniform(-scale, scale));
        }
      }
      view.copy_(values);
    }
  }
}

void Mlp::InitializeOrthogonal(std::span<core::Rng> rngs, double gain, double output_gain) {
  const std::int64_t stack = shape_.members / static_cast<std::int64_t>(rngs.size());
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    const Tensor& weight = weights_[layer];
    const double factor = layer + 1 == num_layers() ? output_gain : gain;
    for (std::int64_t row = 0; row < shape_.members; ++row) {
      core::Rng& rng = rngs[static_cast<std::size_t>(row / stack)];
      weight[row].copy_(DrawOrthogonal(rng, weight.size(1), weight.size(2)).mul_(factor));
    }
    biases_[layer].zero_();
  }
}

Tensor Mlp::Forward(const Tensor& input) const {
  Tape tape;
  return Forward(input, tape);
}

Tensor Mlp::Forward(const Tensor& input, Tape& tape) const {
  CheckShape(input, {shape_.members, -1, shape_.input}, "network input");
  tape.inputs.clear();
  tape.inputs.reserve(weights_.size());
  Tensor x = input;
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    tape.inputs.push_back(x);
    x = Linear(x, weights_[layer], biases_[layer], AfterLayer(layer), shape_.precision);
  }
  tape.output = x;
  return x;
}

Epilogue Mlp::AfterLayer(std::int64_t layer) const {
  if (layer + 1 < num_layers()) {
    return shape_.activation == Activation::kRelu ? Epilogue::kRelu : Epilogue::kTanh;
  }
  return shape_.output_activation == OutputActivation::kTanh ? Epilogue::kTanh : Epilogue::kNone;
}

Tensor Mlp::ThroughOutput(const Tape& tape, const Tensor& output_gradient) const {
  CheckShape(output_gradient, {shape_.members, tape.output.size(1), shape_.output},
             "output gradient");
  if (shape_.output_activation == OutputActivation::kNone) return output_gradient;
  return at::tanh_backward(output_gradient, tape.output);
}

Tensor Mlp::ThroughHiddenLayer(const Tensor& output_gradient, std::int64_t layer,
                               const Tensor& input, const LiveSamples& live) const {
  Tensor gradient =
      Multiply(output_gradient, transposed_weights_[layer], shape_.precision, live.rows());
  if (shape_.activation == Activation::kTanh) {
    live.TanhBackward(gradient, input);
  } else {
    live.ReluBackward(gradient, input);
  }
  return gradient;
}

void Mlp::Backward(const Tape& tape, const Tensor& output_gradient) {
  const LiveSamples all;
  Tensor gradient = ThroughOutput(tape, output_gradient);
  for (std::int64_t layer = num_layers() - 1; layer >= 0; --layer) {
    const Tensor& input = tape.inputs[layer];
    MultiplyTransposedOut(weight_gradients_[layer], input, gradient, shape_.precision);
    SumBatchOut(bias_gradients_[layer], gradient);
    if (layer == 0) break;
    gradient = ThroughHiddenLayer(gradient, layer, input, all);
  }
}

Tensor Mlp::InputGradient(const Tape& tape, const Tensor& output_gradient, std::int64_t first,
                          std::int64_t count) const {
  Tensor gradient = ThroughOutput(tape, output_gradient);
  const LiveSamples live(gradient);
  gradient = live.Pack(gradient);
  for (std::int64_t layer = num_layers() - 1; layer > 0; --layer) {
    gradient = ThroughHiddenLayer(gradient, layer, tape.inputs[layer], live);
  }
  return live.Unpack(Multiply(gradient, transposed_weights_[0].narrow(2, first, count),
                              shape_.precision, live.rows()));
}

Tensor Mlp::GradientNorms() const { return RowNorms(gradients_); }

void Mlp::ClipGradients(double max_norm) {
  // As torch.nn.utils.clip_grad_norm_, for each member by itself.
  ScaleRows(gradients_, at::reciprocal(GradientNorms() + 1e-6).mul_(max_norm).clamp_max_(1.0));
}

void Mlp::Save(core::ArchiveWriter& archive, const std::string& name) const {
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    SaveTensor(archive, fmt::format("{}.{}.weight", name, layer), weights_[layer]);
    SaveTensor(archive, fmt::format("{}.{}.bias", name, layer), biases_[layer]);
  }
  if (shape_.free_parameters > 0)
    SaveTensor(archive, name + ".free", free_parameters_.unsqueeze(1));
}

void Mlp::Load(const core::ArchiveReader& archive, const std::string& name,
               std::span<const std::int64_t> members) {
  const auto load = [&](const std::string& entry, const Tensor& view) {
    const Tensor saved = ReadTensor(archive, entry);
    const bool fits = saved.dim() == 3 && saved.scalar_type() == at::kFloat &&
                      saved.size(1) == view.size(1) && saved.size(2) == view.size(2);
    if (!fits) {
      throw IoError(fmt::format("{}: \"{}\" is a layer of {} -> {}; this run needs {} -> {}",
                                archive.path().string(), entry,
                                saved.dim() == 3 ? saved.size(1) : 0,
                                saved.dim() == 3 ? saved.size(2) : 0, view.size(1), view.size(2)));
    }
    LoadRows(archive, entry, view, members);
  };
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    load(fmt::format("{}.{}.weight", name, layer), weights_[layer]);
    load(fmt::format("{}.{}.bias", name, layer), biases_[layer]);
  }
  if (shape_.free_parameters > 0) load(name + ".free", free_parameters_.unsqueeze(1));
  if (archive.Has(fmt::format("{}.{}.weight", name, num_layers()))) {
    throw IoError(fmt::format("{}: \"{}\" has more than the {} layers of this run",
                              archive.path().string(), name, num_layers()));
  }
}

void Mlp::Load(const core::ArchiveReader& archive, const std::string& name) {
  Load(archive, name, AllMembers(shape_.members));
}

}  // namespace duet::agents
