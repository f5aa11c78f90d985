#include "distill/tasks/optimizer.h"

#include <c10/core/GradMode.h>

#include <utility>

namespace duet::tasks {
namespace {

std::variant<Sgd, agents::Adam> Make(const TrainingConfig& config, const Tensor& leaf) {
  if (config.optimizer == OptimizerKind::kSgd) return Sgd(config.sgd, leaf.detach());
  return agents::Adam({.learning_rate = config.rate.learning_rate, .l2 = config.sgd.weight_decay},
                      leaf.detach());
}

}  // namespace

Optimizer::Optimizer(const TrainingConfig& config, Tensor leaf)
    : algorithm_(Make(config, leaf)),
      first_rate_(config.rate.learning_rate),
      leaf_(std::move(leaf)) {}

void Optimizer::Step(double learning_rate) {
  const Tensor gradient = leaf_.grad();
  if (!gradient.defined()) return;
  const c10::NoGradGuard no_grad;
  Tensor values = leaf_.detach();
  if (auto* sgd = std::get_if<Sgd>(&algorithm_)) {
    sgd->Step(values, gradient, learning_rate);
  } else {
    std::get<agents::Adam>(algorithm_).Step(values, gradient, learning_rate / first_rate_);
  }
  leaf_.mutable_grad() = Tensor();
}

void Optimizer::Save(core::ArchiveWriter& archive, const std::string& name) const {
  std::visit([&](const auto& algorithm) { algorithm.Save(archive, name); }, algorithm_);
}

void Optimizer::Load(const core::ArchiveReader& archive, const std::string& name) {
  std::visit([&](auto& algorithm) { algorithm.Load(archive, name); }, algorithm_);
}

}  // namespace duet::tasks
