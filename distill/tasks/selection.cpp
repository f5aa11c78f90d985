#include "distill/tasks/selection.h"

#include <ATen/ops/full.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "agents/members.h"

namespace duet::tasks {

Selection::Selection(ModelState state) : state_(std::move(state)) {
  const auto options = state_.parameters.options().requires_grad(false);
  const std::int64_t members = state_.parameters.size(0);
  best_ = at::full({members}, -1.0, options.dtype(at::kDouble));
  epochs_ = at::zeros({members}, options.dtype(at::kLong));
}

void Selection::Offer(const Tensor& accuracy, std::int64_t epoch, const ModelState& state) {
  const Tensor better = accuracy > best_;
  best_.copy_(at::where(better, accuracy, best_));
  epochs_.masked_fill_(better, epoch);
  const Tensor rows = better.unsqueeze(1);
  state_.parameters.copy_(at::where(rows, state.parameters, state_.parameters));
  state_.buffers.copy_(at::where(rows, state.buffers, state_.buffers));
}

std::vector<std::int64_t> Selection::epochs() const {
  const std::vector<double> numbers = agents::Numbers(epochs_);
  return {numbers.begin(), numbers.end()};
}

void Selection::Save(core::ArchiveWriter& archive) const {
  agents::SaveTensor(archive, "best", best_);
  agents::SaveTensor(archive, "selected_epochs", epochs_);
  agents::SaveTensor(archive, "selected.parameters", state_.parameters);
  agents::SaveTensor(archive, "selected.buffers", state_.buffers);
}

void Selection::Load(const core::ArchiveReader& archive) {
  agents::LoadTensor(archive, "best", best_);
  agents::LoadTensor(archive, "selected_epochs", epochs_);
  agents::LoadTensor(archive, "selected.parameters", state_.parameters);
  agents::LoadTensor(archive, "selected.buffers", state_.buffers);
}

}  // namespace duet::tasks
