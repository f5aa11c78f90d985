// What a policy answers, and how a lesson changes it.
#pragma once

#include <functional>

#include "agents/tensor.h"

namespace duet::agents {

// What kind of distribution an answer is.
enum class Distribution {
  kNone,          // an action alone
  kGaussian,      // diagonal, over actions; acting clips a draw to [-1, 1]
  kTanhGaussian,  // tanh of a diagonal Gaussian
  kCategorical,   // over the indices of discrete actions
};

// A policy's answer on observations. Which tensors are defined says which distribution it is.
struct PolicyOutput {
  // [M, B, A] the action without exploration, in [-1, 1] but for a Gaussian, whose mean may lie
  // outside; of discrete actions the likeliest index as a number, [M, B, 1], without gradient.
  Tensor mean;
  // [M, B, A] or broadcastable to it, before any squashing; undefined where there is no Gaussian.
  // A deterministic policy answers with the Gaussian that it explores with, if it has one.
  Tensor log_std;
  // [M, B, A] of a kTanhGaussian: the mean before squashing, so that `mean` is its tanh.
  Tensor location = {};
  // [M, B, C] of a kCategorical, not normalised.
  Tensor logits = {};

  Distribution distribution() const {
    if (logits.defined()) return Distribution::kCategorical;
    if (location.defined()) return Distribution::kTanhGaussian;
    return log_std.defined() ? Distribution::kGaussian : Distribution::kNone;
  }
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

  virtual Tensor& parameters() = 0;       // [M, P]
  virtual const Tensor& gradients() = 0;  // [M, P], same order
  virtual void ClipGradients(double max_norm) = 0;
};

}  // namespace duet::agents
