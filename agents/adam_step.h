// The arithmetic of an Adam step.
#pragma once

#include <cstdint>

namespace duet::agents {

struct AdamStep {
  float l2;                 // times the parameter, added to its gradient
  float first_share;        // 1 - beta1
  float second_share;       // 1 - beta2
  float inverse_deviation;  // 1 / sqrt(1 - beta2^t), of the second moment's square root
  float epsilon;
  float size;  // learning rate / (1 - beta1^t)
};

// Takes the step with `count` parameters, whose moments it moves.
void TakeAdamStep(const AdamStep& step, std::int64_t count, float* parameters,
                  const float* gradients, float* first_moments, float* second_moments);

}  // namespace duet::agents
