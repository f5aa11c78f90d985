#include "distill/rules/projector.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "agents/members.h"

namespace duet::distill {

Projector::Projector(std::vector<Chain> chains, std::int64_t free, const RuleInputs& inputs)
    : chains_(std::move(chains)), free_(free) {
  for (const Chain& chain : chains_) {
    std::vector<Layer>& layers = layers_.emplace_back();
    for (std::size_t i = 0; i + 1 < chain.widths.size(); ++i) {
      layers.push_back({size_, chain.widths[i], chain.widths[i + 1]});
      size_ += (layers.back().inputs + (chain.bias ? 1 : 0)) * layers.back().outputs;
    }
  }
  Initialize(inputs);
}

void Projector::Initialize(const RuleInputs& inputs) {
  auto rngs = agents::MemberStreams(inputs.member_seeds, "rule_parameters");
  Tensor rows = at::zeros({static_cast<std::int64_t>(rngs.size()), size_ + free_}, at::kDouble);
  double* row = rows.mutable_data_ptr<double>();
  for (core::Rng& rng : rngs) {
    for (std::size_t chain = 0; chain < chains_.size(); ++chain) {
      for (const Layer& layer : layers_[chain]) {
        const double bound = 1.0 / std::sqrt(static_cast<double>(layer.inputs));
        const std::int64_t count = (layer.inputs + (chains_[chain].bias ? 1 : 0)) * layer.outputs;
        for (std::int64_t i = 0; i < count; ++i) row[layer.offset + i] = rng.Uniform(-bound, bound);
      }
    }
    row += size_ + free_;
  }
  const at::TensorOptions options = at::TensorOptions().dtype(inputs.dtype).device(inputs.device);
  parameters_ = rows.to(options).requires_grad_(true);
}

Tensor Projector::Apply(std::size_t index, const Tensor& features) const {
  const bool maps = features.dim() == 5;
  // The channels last, so that a layer is one product per member.
  Tensor x = maps ? features.permute({0, 1, 3, 4, 2}).flatten(1, 3) : features;
  const std::vector<Layer>& layers = layers_[index];
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (i > 0) x = x.relu();
    x = ApplyLayer(layers[i], chains_[index].bias, x);
  }
  if (!maps) return x;
  return x.unflatten(1, {features.size(1), features.size(3), features.size(4)})
      .permute({0, 1, 4, 2, 3});
}

Tensor Projector::ApplyLayer(const Layer& layer, bool bias, const Tensor& rows) const {
  const std::int64_t weights = layer.inputs * layer.outputs;
  const Tensor weight =
      parameters_.narrow(1, layer.offset, weights).view({-1, layer.inputs, layer.outputs});
  if (!bias) return rows.bmm(weight);
  const Tensor offset = parameters_.narrow(1, layer.offset + weights, layer.outputs).unsqueeze(1);
  return at::baddbmm(offset, rows, weight);
}

Tensor Projector::free() const { return parameters_.narrow(1, size_, free_); }

void Projector::FillFree(double value) {
  const at::NoGradGuard no_grad;
  free().fill_(value);
}

void Projector::Save(core::ArchiveWriter& archive, const std::string& name) const {
  agents::SaveTensor(archive, name, parameters_.detach());
}

void Projector::Load(const core::ArchiveReader& archive, const std::string& name) {
  agents::LoadTensor(archive, name, parameters_.detach());
}

}  // namespace duet::distill
