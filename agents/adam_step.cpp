#include "agents/adam_step.h"

#include <cmath>

#include "agents/wide_vectors.h"

namespace duet::agents {

DUET_WIDE_VECTORS void TakeAdamStep(const AdamStep& step, std::int64_t count,
                                    float* __restrict parameters, const float* __restrict gradients,
                                    float* __restrict first_moments,
                                    float* __restrict second_moments) {
  const AdamStep s = step;
  for (std::int64_t i = 0; i < count; ++i) {
    const float gradient = gradients[i] + s.l2 * parameters[i];
    const float first = first_moments[i] + s.first_share * (gradient - first_moments[i]);
    const float second =
        second_moments[i] + s.second_share * (gradient * gradient - second_moments[i]);
    first_moments[i] = first;
    second_moments[i] = second;
    parameters[i] -= s.size * first / (std::sqrt(second) * s.inverse_deviation + s.epsilon);
  }
}

}  // namespace duet::agents
