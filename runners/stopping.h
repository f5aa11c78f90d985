// When training ends before its budget is spent.
#pragma once

#include <span>
#include <string>

#include "runners/config.h"
#include "runners/results.h"

namespace duet::runners {

// Mean over seeds and learners of the returns of one evaluation.
double MeanReturn(const EvaluationPoint& evaluation);

// Why training stops after these evaluations, in words, "the mean return 475.2 reached
// training.stop_at_return = 475"; empty where it goes on. Depends on nothing else, so that a
// resumed run stops where an uninterrupted one does.
std::string StopReason(const TrainingConfig& config, std::span<const EvaluationPoint> evaluations);

}  // namespace duet::runners
