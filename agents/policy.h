// What a policy answers, and how a lesson changes it.
#pragma once

#include <functional>

#include "agents/tensor.h"

namespace duet::agents {

// A policy's answer on observations: a Gaussian over actions in [-1, 1]. A deterministic policy
// answers with the Gaussian it explores with, if it has one.
struct PolicyOutput {
  Tensor mean;     // [M, B, A] the action without exploration
  Tensor log_std;  // [M, B, A] or broadcastable to it; undefined where there is no distribution
};

// The trainable policy of every member.
class Policy {
 public:
  virtual ~Policy() = default;

  // Answers on raw observations [M, B, O]; no gradient.
  virtual PolicyOutput Answer(const Tensor& observations) const = 0;

  // A loss per member, [M], as a function of this policy's answer.
  using LossFunction = std::function<Tensor(const PolicyOutput&)>;
  // Overwrites gradients() by those of `loss` on raw observations [M, B, O] and returns the losses.
  // Only this policy's parameters get a gradient, whatever else the loss is computed from.
  virtual Tensor Differentiate(const Tensor& observations, const LossFunction& loss) = 0;

  virtual Tensor& parameters() = 0;       // flat
  virtual const Tensor& gradients() = 0;  // flat, same order
  virtual void ClipGradients(double max_norm) = 0;
};

}  // namespace duet::agents
