// An agent whose policy and values are tables over a few states, for problems with known answers.
#pragma once

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agents/agent.h"

namespace duet::support {

using at::Tensor;

// Observations are one-hot over S states; the action is the row of the state, so changing it for
// one state changes it for no other.
class TablePolicy : public agents::Policy {
 public:
  explicit TablePolicy(const Tensor& actions)  // [M, S, A]
      : sizes_(actions.sizes().vec()),
        parameters_(actions.clone().contiguous().view({actions.size(0), -1})),
        gradients_(at::zeros_like(parameters_)) {}

  agents::PolicyOutput Answer(const Tensor& observations) const override {
    const at::NoGradGuard no_grad;
    return {at::bmm(observations, parameters_.view(sizes_)), {}};
  }

  Tensor Differentiate(const Tensor& observations, const LossFunction& loss) override {
    const at::AutoGradMode grad(true);
    const Tensor leaf = parameters_.detach().clone().requires_grad_(true);
    const Tensor losses = loss({at::bmm(observations, leaf.view(sizes_)), {}});
    losses.sum().backward();
    gradients_.copy_(leaf.grad());
    return losses.detach();
  }

  Tensor& parameters() override { return parameters_; }
  const Tensor& gradients() override { return gradients_; }
  void ClipGradients(double) override {}

  Tensor table() const { return parameters_.view(sizes_); }

 private:
  std::vector<std::int64_t> sizes_;
  Tensor parameters_;
  Tensor gradients_;
};

// The value of an action is `values` of the state plus `slope` times the action's sum. An update
// adds `drift` to every parameter.
class TableAgent : public agents::Agent {
 public:
  TableAgent(const Tensor& actions, Tensor values, double slope = 0.0, double drift = 0.0)
      : policy_(actions),
        values_(std::move(values)),
        slope_(slope),
        drift_(drift),
        replay_(actions.size(0), 1000, actions.size(1), actions.size(2), at::kCPU) {
    spec_.observation_size = actions.size(1);
    spec_.action_size = actions.size(2);
    spec_.replay_capacity = 1000;
    for (std::int64_t m = 0; m < actions.size(0); ++m) {
      spec_.member_seeds.push_back(static_cast<std::uint64_t>(m));
    }
  }

  // Every member has been in every state `times` times.
  void VisitAllStates(int times = 1) {
    const std::int64_t members = spec_.members(), states = spec_.observation_size;
    const std::vector<float> actions(static_cast<std::size_t>(members * spec_.action_size));
    const std::vector<double> rewards(static_cast<std::size_t>(members));
    const std::vector<std::uint8_t> flags(static_cast<std::size_t>(members));
    for (std::int64_t i = 0; i < states * times; ++i) {
      std::vector<float> row(static_cast<std::size_t>(members * states), 0.0F);
      for (std::int64_t m = 0; m < members; ++m) {
        row[static_cast<std::size_t>(m * states + i % states)] = 1.0F;
      }
      Observe({row, actions, rewards, row, flags, flags});
    }
  }

  const agents::AgentSpec& spec() const override { return spec_; }
  void Act(std::span<const float>, agents::ActMode, std::span<float>) override {}
  void Observe(const agents::Transitions& transitions) override { replay_.Add(transitions); }
  void Update() override { policy_.parameters().add_(drift_); }
  void UpdateOn(const agents::Batch&) override { Update(); }
  std::vector<std::string> metric_names() const override { return {}; }
  agents::Metrics TakeMetrics() override { return {}; }
  TablePolicy& policy() override { return policy_; }
  const TablePolicy& policy() const override { return policy_; }
  agents::ReplayBuffer& replay() override { return replay_; }
  const agents::ReplayBuffer& replay() const override { return replay_; }
  Tensor Value(const Tensor& observations) const override {
    return ActionValue(observations, policy_.Answer(observations).mean);
  }
  Tensor ActionValue(const Tensor& observations, const Tensor& actions) const override {
    return at::bmm(observations, values_.unsqueeze(2)).squeeze(2) + slope_ * actions.sum(2);
  }
  void SavePolicy(core::ArchiveWriter&) const override {}
  void LoadPolicy(const core::ArchiveReader&, std::span<const std::int64_t>) override {}
  void Save(core::ArchiveWriter&) const override {}
  void Load(const core::ArchiveReader&) override {}

 private:
  agents::AgentSpec spec_;
  TablePolicy policy_;
  Tensor values_;  // [M, S]
  double slope_;
  double drift_;
  agents::ReplayBuffer replay_;
};

}  // namespace duet::support
