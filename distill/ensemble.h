// Several sources that answer as one.
#pragma once

#include <span>

#include "distill/lesson.h"

namespace duet::distill {

// The logarithm of the mean probability of these classifiers, as logits [M, B, C]: logsumexp_k
// log_softmax(z_k) - log K (arXiv:2106.05945). A temperature of a rule then applies to
// the mean. It has no features. Throws ConfigError where they have unlike numbers of classes,
// std::invalid_argument where there are none.
Answer MeanProbability(std::span<const Answer> answers);

}  // namespace duet::distill
