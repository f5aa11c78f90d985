#include "agents/adam.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "agents/adam_step.h"
#include "agents/host_loops.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kWorthAThread = 32'768;  // parameters

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
  const auto fits = [](const Tensor& rows) {
    return OnHost(rows) && rows.stride(-1) == 1 && rows.scalar_type() == at::kFloat;
  };
  if (fits(parameters) && fits(gradients) && !skip.defined()) {
    return StepOnHost(parameters, gradients, scale, active);
  }
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

void Adam::StepOnHost(const Tensor& parameters, const Tensor& gradients, double scale,
                      std::span<const bool> active) {
  const HostNumbers parameter(parameters), gradient(gradients), count(num_steps_);
  const HostNumbers first(first_moment_), second(second_moment_);
  const std::int64_t size = first_moment_.numel() / first_moment_.size(0);
  for (std::int64_t m = 0; m < num_steps_.size(0); ++m) {
    if (!active.empty() && !active[static_cast<std::size_t>(m)]) continue;
    count(m) += 1.0F;
    const double steps = count(m);
    const AdamStep step{.l2 = static_cast<float>(config_.l2),
                        .first_share = static_cast<float>(1.0 - config_.beta1),
                        .second_share = static_cast<float>(1.0 - config_.beta2),
                        .inverse_deviation = static_cast<float>(
                            1.0 / std::sqrt(1.0 - std::pow(config_.beta2, steps))),
                        .epsilon = static_cast<float>(config_.epsilon),
                        .size = static_cast<float>(scale * config_.learning_rate /
                                                   (1.0 - std::pow(config_.beta1, steps)))};
    at::parallel_for(0, size, kWorthAThread, [&](std::int64_t begin, std::int64_t end) {
      TakeAdamStep(step, end - begin, &parameter(m) + begin, &gradient(m) + begin,
                   &first(m) + begin, &second(m) + begin);
    });
  }
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
