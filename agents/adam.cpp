#include "agents/adam.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "agents/host_loops.h"

namespace duet::agents {
namespace {

// `skip` is 1 where the step is not taken.
void CountStep(Tensor counts, const Tensor& skip) {
  if (OnHost(counts) && !skip.defined()) {
    const HostNumbers count(counts);
    for (std::int64_t m = 0; m < counts.numel(); ++m) count(m) += 1.0F;
    return;
  }
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
  if (std::find(active.begin(), active.end(), false) == active.end()) active = {};
  // Counts of all members at once: on a GPU one operation is one launch, however many members.
  if (active.empty()) CountStep(num_steps_, skip);
  const Rows& all = AllRows(parameters, gradients);
  Rows some;
  for (std::size_t m = 0; m < active.size(); ++m) {
    if (!active[m]) continue;
    some.parameters.push_back(all.parameters[m]);
    some.gradients.push_back(all.gradients[m]);
    some.first_moments.push_back(all.first_moments[m]);
    some.second_moments.push_back(all.second_moments[m]);
    some.counts.push_back(all.counts[m]);
    CountStep(some.counts.back(), skip);
  }
  if (!active.empty() && some.counts.empty()) return;
  const Rows& rows = active.empty() ? all : some;
  at::_fused_adam_(rows.parameters, rows.gradients, rows.first_moments, rows.second_moments, {},
                   rows.counts, scale * config_.learning_rate, config_.beta1, config_.beta2,
                   config_.l2, config_.epsilon, /*amsgrad=*/false, /*maximize=*/false,
                   /*grad_scale=*/{}, skip.defined() ? std::optional<Tensor>(skip) : std::nullopt);
}

const Adam::Rows& Adam::AllRows(const Tensor& parameters, const Tensor& gradients) {
  const auto same = [](const std::vector<Tensor>& rows, const Tensor& tensor) {
    return static_cast<std::int64_t>(rows.size()) == tensor.size(0) &&
           rows.front().const_data_ptr() == tensor.const_data_ptr();
  };
  if (same(rows_.parameters, parameters) && same(rows_.gradients, gradients)) return rows_;
  const auto split = [](const Tensor& tensor) { return tensor.unbind(0); };
  rows_ = {.parameters = split(parameters),
           .gradients = split(gradients),
           .first_moments = split(first_moment_),
           .second_moments = split(second_moment_),
           .counts = split(num_steps_)};
  return rows_;
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
