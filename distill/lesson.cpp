#include "distill/lesson.h"

#include <utility>

namespace duet::distill {

Answer ClassifierAnswer(Tensor logits, std::vector<Tensor> features) {
  Answer answer;
  answer.logits = std::move(logits);
  answer.features = std::move(features);
  return answer;
}

Answer Detached(const Answer& answer) {
  const auto detach = [](const Tensor& part) { return part.defined() ? part.detach() : part; };
  Answer detached = PolicyOutput{.mean = detach(answer.mean),
                                 .log_std = detach(answer.log_std),
                                 .location = detach(answer.location),
                                 .logits = detach(answer.logits)};
  for (const Tensor& feature : answer.features) detached.features.push_back(detach(feature));
  return detached;
}

}  // namespace duet::distill
