// A policy that is one network with the observation statistics that belong to it.
#pragma once

#include <memory>
#include <optional>

#include "agents/batch_renorm_mlp.h"
#include "agents/mlp.h"
#include "agents/normalizer.h"
#include "agents/policy.h"
#include "agents/update_graph.h"

namespace duet::agents {

// It answers and learns from lessons with the network as it is in evaluation.
template <typename Network>
class PolicyOf : public Policy {
 public:
  PolicyOf(ObservationNormalizer normalizer, Network network);

  PolicyOutput Answer(const Tensor& observations) const override;
  // The network's output to act by, [M, B, out]: where `explore` that of the network of the latest
  // Hold, if there is one.
  Tensor ActingOutput(const Tensor& observations, bool explore) const;
  // What it stands for.
  PolicyOutput ActingAnswer(const Tensor& observations, bool explore) const;
  // Keeps a copy of the network, whose answers stay when the network changes; exploring ones may be
  // asked for on another thread.
  void Hold();
  Tensor Differentiate(const Tensor& observations, const LossFunction& loss) override;

  Tensor& parameters() override { return network.parameters(); }
  const Tensor& gradients() override { return network.gradients(); }
  void ClipGradients(double max_norm) override;

  // What the network's output, [M, B, out], and its free parameters, [M, F], stand for; autograd
  // can go through it.
  virtual PolicyOutput Interpret(const Tensor& output, const Tensor& free_parameters) const = 0;

  ObservationNormalizer normalizer;
  Network network;

 private:
  std::optional<Network> held_;
  std::unique_ptr<Fence> held_fence_;  // the copy is made
};

extern template class PolicyOf<Mlp>;
extern template class PolicyOf<BatchRenormMlp>;

using NetworkPolicy = PolicyOf<Mlp>;

}  // namespace duet::agents
