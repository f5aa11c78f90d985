#include "distill/ensemble.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/error.h"

namespace duet::distill {

Answer MeanProbability(std::span<const Answer> answers) {
  if (answers.empty()) throw std::invalid_argument("an ensemble needs an answer");
  std::vector<Tensor> log_probs;
  for (const Answer& answer : answers) {
    const std::int64_t classes = answer.logits.size(2), first = answers[0].logits.size(2);
    if (classes != first) {
      throw ConfigError(
          fmt::format("the teachers of an ensemble know the same classes; these know {} and {}",
                      first, classes));
    }
    log_probs.push_back(answer.logits.log_softmax(2));
  }
  const double count = static_cast<double>(answers.size());
  return ClassifierAnswer(at::stack(log_probs).logsumexp(0) - std::log(count));
}

}  // namespace duet::distill
