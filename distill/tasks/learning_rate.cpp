#include "distill/tasks/learning_rate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace duet::tasks {
namespace {

// From `high` at 0 to `low` at 1.
double Cosine(double high, double low, double share) {
  return low + (high - low) * (1.0 + std::cos(std::numbers::pi * share)) / 2.0;
}

// How far `epoch` is in its period, in [0, 1).
double ShareOfPeriod(double epoch, double length, double factor) {
  while (epoch >= length) {
    epoch -= length;
    length *= factor;
  }
  return epoch / length;
}

// The rate `epoch` epochs after the warm-up, of `num_epochs` such.
double AfterWarmup(const LearningRateConfig& c, double epoch, double num_epochs) {
  switch (c.kind) {
    case LearningRateKind::kConstant:
      return c.learning_rate;
    case LearningRateKind::kCosine:
      return Cosine(c.learning_rate, c.final_learning_rate, std::min(epoch / num_epochs, 1.0));
    case LearningRateKind::kMultistep: {
      const auto passed = std::ranges::count_if(c.milestones, [&](std::int64_t milestone) {
        return epoch >= static_cast<double>(milestone);
      });
      return c.learning_rate * std::pow(c.decay, static_cast<double>(passed));
    }
    case LearningRateKind::kWarmRestarts:
      return Cosine(c.learning_rate, c.final_learning_rate,
                    ShareOfPeriod(epoch, static_cast<double>(c.restart_epochs),
                                  static_cast<double>(c.restart_factor)));
  }
  return c.learning_rate;
}

}  // namespace

void VisitFields(core::FieldVisitor& v, LearningRateConfig& c) {
  v.Choice("schedule", c.kind, kLearningRateKinds, "of the learning rate");
  v.Field("learning_rate", c.learning_rate, {0.0, 100.0, true}, "the highest");
  v.Field("final_learning_rate", c.final_learning_rate, {0.0, 100.0},
          "cosine, warm_restarts: the lowest");
  v.Field("milestones", c.milestones, {1, 1'000'000}, "multistep: epochs, ascending");
  v.Field("decay", c.decay, {0.0, 1.0, true}, "multistep: factor at each milestone");
  v.Field("restart_epochs", c.restart_epochs, {1, 1'000'000},
          "warm_restarts: epochs of the first period");
  v.Field("restart_factor", c.restart_factor, {1, 100},
          "warm_restarts: length of a period by that of the one before");
  v.Field("warmup_epochs", c.warmup_epochs, {0, 1'000'000},
          "epochs in which the rate grows linearly");
  v.Field("warmup_start", c.warmup_start, {0.0, 1.0, true}, "share of the rate at first");
}

void Validate(const LearningRateConfig& c) {
  if (!std::ranges::is_sorted(c.milestones, std::ranges::less_equal())) {
    throw ConfigError(
        fmt::format("milestones = [{}] must be ascending", fmt::join(c.milestones, ", ")));
  }
  if (c.final_learning_rate > c.learning_rate) {
    throw ConfigError(fmt::format("final_learning_rate = {} is above learning_rate = {}",
                                  c.final_learning_rate, c.learning_rate));
  }
}

double LearningRateAt(const LearningRateConfig& c, double epoch, std::int64_t num_epochs) {
  const auto warmup = static_cast<double>(c.warmup_epochs);
  if (epoch < warmup) {
    return c.learning_rate * (c.warmup_start + (1.0 - c.warmup_start) * epoch / warmup);
  }
  return AfterWarmup(c, epoch - warmup, std::max(static_cast<double>(num_epochs) - warmup, 1.0));
}

}  // namespace duet::tasks
