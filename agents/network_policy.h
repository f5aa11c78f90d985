// A policy that is one network with the observation statistics that belong to it.
#pragma once

#include "agents/mlp.h"
#include "agents/normalizer.h"
#include "agents/policy.h"

namespace duet::agents {

class NetworkPolicy : public Policy {
 public:
  NetworkPolicy(ObservationNormalizer normalizer, Mlp network);

  PolicyOutput Answer(const Tensor& observations) const override;
  Tensor Differentiate(const Tensor& observations, const LossFunction& loss) override;

  Tensor& parameters() override { return network.parameters(); }
  const Tensor& gradients() override { return network.gradients(); }
  void ClipGradients(double max_norm) override;

  // What the network's output, [M, B, out], and its free parameters, [M, F], stand for; autograd
  // can go through it.
  virtual PolicyOutput Interpret(const Tensor& output, const Tensor& free_parameters) const = 0;

  ObservationNormalizer normalizer;
  Mlp network;
};

}  // namespace duet::agents
