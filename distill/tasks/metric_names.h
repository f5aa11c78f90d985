// What is measured of every model. docs/distill/metrics.md explains each.
#pragma once

#include <string_view>

namespace duet::tasks {

inline constexpr std::string_view kMetricNames[] = {
    "train_accuracy",
    "train_nll",
    "train_entropy",
    "validation_accuracy",
    "test_accuracy",
    "test_nll",
    "test_ece",
    "test_entropy",
    "test_confidence_std",
    "test_confidence_entropy",
    // Of models that have a teacher or are compared with one.
    "train_agreement",
    "train_kl",
    "test_agreement",
    "test_kl",
    "test_agreement_on_mistakes",
    "control_agreement",
    "control_kl",
    "control_agreement_on_mistakes",
    "distillation_score",
};

}  // namespace duet::tasks
