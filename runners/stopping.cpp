#include "runners/stopping.h"

#include <fmt/format.h>

#include <algorithm>

#include "runners/summary.h"

namespace duet::runners {

double MeanReturn(const EvaluationPoint& evaluation) {
  double sum = 0.0;
  std::size_t count = 0;
  for (const std::vector<double>& learners : evaluation.returns) {
    for (const double value : learners) sum += value;
    count += learners.size();
  }
  return sum / static_cast<double>(count);
}

std::string StopReason(const TrainingConfig& config, std::span<const EvaluationPoint> evaluations) {
  if (evaluations.empty()) return "";
  const double latest = MeanReturn(evaluations.back());
  if (latest >= config.stop_at_return) {
    return fmt::format("the mean return {} reached training.stop_at_return = {}",
                       FormatScore(latest), config.stop_at_return);
  }
  const auto best = std::ranges::max_element(evaluations, {}, &MeanReturn);
  const auto since = static_cast<std::int64_t>(evaluations.end() - best) - 1;
  if (config.patience > 0 && since >= config.patience) {
    return fmt::format("the mean return has not risen above {} for training.patience = {} {}",
                       FormatScore(MeanReturn(*best)), config.patience,
                       config.patience == 1 ? "evaluation" : "evaluations");
  }
  return "";
}

}  // namespace duet::runners
