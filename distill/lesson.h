// The one thing that distillation is made of.
#pragma once

#include <utility>
#include <vector>

#include "agents/policy.h"
#include "agents/tensor.h"

namespace duet::distill {

using agents::PolicyOutput;
using agents::Tensor;

// What somebody answers on a batch of inputs: a policy its action's distribution, a classifier the
// logits of classes (its `mean` is undefined), and whoever is asked for them also the features
// inside its network.
struct Answer : PolicyOutput {
  Answer() = default;
  Answer(PolicyOutput output) : PolicyOutput(std::move(output)) {}  // NOLINT: an answer as it is

  // Outputs of the layers that were named, in that order: maps [M, B, D, H, W] or vectors
  // [M, B, D].
  std::vector<Tensor> features;
};

// A classifier's answer: logits [M, B, C].
Answer ClassifierAnswer(Tensor logits, std::vector<Tensor> features = {});

// The same answer without gradients.
Answer Detached(const Answer& answer);

// What else is known about a batch, for the rules that ask for it.
struct Context {
  Tensor labels = {};     // [M, B] int64, -1: unlabelled; undefined where nothing has labels
  Tensor samples = {};    // [M, B] int64, row of each sample in the pool that it was drawn from
  double progress = 0.0;  // share of training done, in [0, 1]
};

// A batch of inputs together with what somebody answered on them. Row m is meant for student m. No
// tensor here carries a gradient.
struct Lesson {
  Tensor observations;  // [M, B, O] raw
  Answer answer;        // of the source, on these observations
  Tensor value;         // [M, B] the source's value there; undefined where nobody asked for it
};

}  // namespace duet::distill
