#include "agents/mlp.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <stdexcept>

#include "agents/product.h"
#include "core/error.h"

namespace duet::agents {
namespace {

// Views of a flat buffer: [M, in, out] and [M, 1, out] per layer, one after the other.
void MakeViews(const Tensor& flat, const MlpShape& shape, const std::vector<std::int64_t>& sizes,
               std::vector<Tensor>& weights, std::vector<Tensor>& biases) {
  std::int64_t offset = 0;
  const auto take = [&](std::int64_t rows, std::int64_t columns) {
    const std::int64_t count = shape.members * rows * columns;
    Tensor view = flat.narrow(0, offset, count).view({shape.members, rows, columns});
    offset += count;
    return view;
  };
  for (std::size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
    weights.push_back(take(sizes[layer], sizes[layer + 1]));
    biases.push_back(take(1, sizes[layer + 1]));
  }
}

}  // namespace

Mlp::Mlp(MlpShape shape, at::Device device) : shape_(std::move(shape)) {
  std::vector<std::int64_t> sizes = {shape_.input};
  sizes.insert(sizes.end(), shape_.hidden.begin(), shape_.hidden.end());
  sizes.push_back(shape_.output);
  std::int64_t count = 0;
  for (std::size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
    count += shape_.members * (sizes[layer] + 1) * sizes[layer + 1];
  }
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  parameters_ = at::zeros({count}, options);
  gradients_ = at::zeros({count}, options);
  MakeViews(parameters_, shape_, sizes, weights_, biases_);
  MakeViews(gradients_, shape_, sizes, weight_gradients_, bias_gradients_);
}

void Mlp::Initialize(std::span<core::Rng> rngs, double final_layer_scale) {
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    const bool last = layer + 1 == num_layers();
    const double scale = last && final_layer_scale > 0.0
                             ? final_layer_scale
                             : 1.0 / std::sqrt(static_cast<double>(weights_[layer].size(1)));
    for (const Tensor& view : {weights_[layer], biases_[layer]}) {
      Tensor values = at::empty(view.sizes(), at::kFloat);
      float* value = values.mutable_data_ptr<float>();
      const std::int64_t per_member = values.numel() / shape_.members;
      for (std::int64_t m = 0; m < shape_.members; ++m) {
        for (std::int64_t i = 0; i < per_member; ++i) {
          *value++ = static_cast<float>(rngs[static_cast<std::size_t>(m)].Uniform(-scale, scale));
        }
      }
      view.copy_(values);
    }
  }
}

Tensor Mlp::Forward(const Tensor& input) const {
  Tape tape;
  return Forward(input, tape);
}

Tensor Mlp::Forward(const Tensor& input, Tape& tape) const {
  CheckShape(input, {shape_.members, -1, shape_.input}, "network input");
  tape.inputs.clear();
  Tensor x = input;
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    tape.inputs.push_back(x);
    x = Linear(x, weights_[layer], biases_[layer], /*relu=*/layer + 1 < num_layers());
  }
  if (shape_.output_activation == OutputActivation::kTanh) x.tanh_();
  tape.output = x;
  return x;
}

Tensor Mlp::ThroughOutput(const Tape& tape, const Tensor& output_gradient) const {
  CheckShape(output_gradient, {shape_.members, tape.output.size(1), shape_.output},
             "output gradient");
  if (shape_.output_activation == OutputActivation::kNone) return output_gradient;
  return at::tanh_backward(output_gradient, tape.output);
}

Tensor Mlp::ThroughHiddenLayer(const Tensor& output_gradient, std::int64_t layer,
                               const Tensor& input) const {
  Tensor gradient = Multiply(output_gradient, weights_[layer].transpose(1, 2));
  return at::threshold_backward_out(gradient, gradient, input, 0);
}

void Mlp::Backward(const Tape& tape, const Tensor& output_gradient) {
  Tensor gradient = ThroughOutput(tape, output_gradient);
  for (std::int64_t layer = num_layers() - 1; layer >= 0; --layer) {
    const Tensor& input = tape.inputs[layer];
    MultiplyOut(weight_gradients_[layer], input.transpose(1, 2), gradient);
    at::sum_out(bias_gradients_[layer], gradient, 1, /*keepdim=*/true);
    if (layer == 0) break;
    gradient = ThroughHiddenLayer(gradient, layer, input);
  }
}

Tensor Mlp::InputGradient(const Tape& tape, const Tensor& output_gradient, std::int64_t first,
                          std::int64_t count) const {
  Tensor gradient = ThroughOutput(tape, output_gradient);
  for (std::int64_t layer = num_layers() - 1; layer > 0; --layer) {
    gradient = ThroughHiddenLayer(gradient, layer, tape.inputs[layer]);
  }
  return Multiply(gradient, weights_[0].narrow(1, first, count).transpose(1, 2));
}

Tensor Mlp::GradientNorms() const {
  Tensor squares;
  const auto add = [&](const Tensor& view) {
    const Tensor sum = view.square().sum({1, 2});
    squares = squares.defined() ? squares.add_(sum) : sum;
  };
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    add(weight_gradients_[layer]);
    add(bias_gradients_[layer]);
  }
  return squares.sqrt();
}

void Mlp::ClipGradients(double max_norm) {
  // As torch.nn.utils.clip_grad_norm_, for each member by itself.
  const Tensor scale =
      at::reciprocal(GradientNorms() + 1e-6).mul_(max_norm).clamp_max_(1.0).view({-1, 1, 1});
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    weight_gradients_[layer].mul_(scale);
    bias_gradients_[layer].mul_(scale);
  }
}

void Mlp::Save(core::ArchiveWriter& archive, const std::string& name) const {
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    SaveTensor(archive, fmt::format("{}.{}.weight", name, layer), weights_[layer]);
    SaveTensor(archive, fmt::format("{}.{}.bias", name, layer), biases_[layer]);
  }
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
    for (std::size_t m = 0; m < members.size(); ++m) {
      if (members[m] < 0 || members[m] >= saved.size(0)) {
        throw IoError(fmt::format("{}: member {} is asked for; there are {}",
                                  archive.path().string(), members[m], saved.size(0)));
      }
      view[static_cast<std::int64_t>(m)].copy_(saved[members[m]]);
    }
  };
  for (std::int64_t layer = 0; layer < num_layers(); ++layer) {
    load(fmt::format("{}.{}.weight", name, layer), weights_[layer]);
    load(fmt::format("{}.{}.bias", name, layer), biases_[layer]);
  }
  if (archive.Has(fmt::format("{}.{}.weight", name, num_layers()))) {
    throw IoError(fmt::format("{}: \"{}\" has more than the {} layers of this run",
                              archive.path().string(), name, num_layers()));
  }
}

void Mlp::Load(const core::ArchiveReader& archive, const std::string& name) {
  std::vector<std::int64_t> members(static_cast<std::size_t>(shape_.members));
  std::iota(members.begin(), members.end(), 0);
  Load(archive, name, members);
}

}  // namespace duet::agents
