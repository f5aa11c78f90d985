// The one thing that distillation is made of.
#pragma once

#include "agents/policy.h"
#include "agents/tensor.h"

namespace duet::distill {

using agents::Tensor;

// A batch of inputs together with what somebody answered on them. Row m is meant for student m. No
// tensor here carries a gradient.
struct Lesson {
  Tensor observations;          // [M, B, O] raw
  agents::PolicyOutput answer;  // of the source, on these observations
  Tensor value;  // [M, B] the source's value there; undefined where nobody asked for it
};

}  // namespace duet::distill
