#include "agents/adam.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <optional>
#include <utility>
#include <vector>

namespace duet::agents {
namespace {

// `skip` is 1 where the step is not taken.
void CountStep(Tensor counts, const Tensor& skip) {
  counts.add_(1.0);
  if (skip.defined()) counts.sub_(skip);
}

}  // namespace

Adam::Adam(AdamConfig config, const Tensor& parameters)
    : Adam(config, at::zeros_like(parameters), at::zeros_like(parameters),
           at::zeros({parameters.size(0)}, parameters.options())) {}

Adam::Adam(AdamConfig config, Tensor first_moment, Tensor second_moment, Tensor num_steps)
    : config_(config),
      first_moment_(std::move(first_moment)),
      second_moment_(std::move(second_moment)),
      num_steps_(std::move(num_steps)) {}

Adam Adam::Slice(std::int64_t first, std::int64_t count) const {
  return {config_, first_moment_.narrow(0, first, count), second_moment_.narrow(0, first, count),
          num_steps_.narrow(0, first, count)};
}

void Adam::Step(Tensor& parameters, const Tensor& gradients, double scale,
                std::span<const bool> active, const Tensor& skip) {
  // Counts of all members at once: on a GPU one operation is one launch, however many members.
  if (active.empty()) CountStep(num_steps_, skip);
  std::vector<Tensor> rows, row_gradients, first_moments, second_moments, counts;
  for (std::int64_t m = 0; m < parameters.size(0); ++m) {
    if (!active.empty() && !active[static_cast<std::size_t>(m)]) continue;
    rows.push_back(parameters[m]);
    row_gradients.push_back(gradients[m]);
    first_moments.push_back(first_moment_[m]);
    second_moments.push_back(second_moment_[m]);
    counts.push_back(num_steps_[m]);
    if (!active.empty()) CountStep(counts.back(), skip);
  }
  if (rows.empty()) return;
  at::_fused_adam_(rows, row_gradients, first_moments, second_moments, {}, counts,
                   scale * config_.learning_rate, config_.beta1, config_.beta2, config_.l2,
                   config_.epsilon, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{},
                   skip.defined() ? std::optional<Tensor>(skip) : std::nullopt);
}

void Adam::Save(core::ArchiveWriter& archive, const std::string& name) const {
  SaveTensor(archive, name + ".first_moment", first_moment_);
  SaveTensor(archive, name + ".second_moment", second_moment_);
  SaveTensor(archive, name + ".num_steps", num_steps_);
}

void Adam::Load(const core::ArchiveReader& archive, const std::string& name) {
  LoadTensor(archive, name + ".first_moment", first_moment_);
  LoadTensor(archive, name + ".second_moment", second_moment_);
  LoadTensor(archive, name + ".num_steps", num_steps_);
}

}  // namespace duet::agents
