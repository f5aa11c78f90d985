// The learning rate over a training.
#pragma once

#include <cstdint>
#include <vector>

#include "core/fields.h"

namespace duet::tasks {

enum class LearningRateKind {
  kConstant,
  kCosine,        // to `final_learning_rate` at the end, arXiv:1608.03983, Eq. 5 with one run
  kMultistep,     // times `decay` at each of `milestones`
  kWarmRestarts,  // cosine in periods that start anew, arXiv:1608.03983
};

inline constexpr core::Option<LearningRateKind> kLearningRateKinds[] = {
    {"constant", LearningRateKind::kConstant},
    {"cosine", LearningRateKind::kCosine},
    {"multistep", LearningRateKind::kMultistep},
    {"warm_restarts", LearningRateKind::kWarmRestarts}};

struct LearningRateConfig {
  LearningRateKind kind = LearningRateKind::kCosine;
  double learning_rate = 0.1;                 // the first, and the highest
  double final_learning_rate = 0.0;           // cosine and warm restarts: the lowest
  std::vector<std::int64_t> milestones = {};  // multistep: epochs, ascending
  double decay = 0.1;                         // multistep: factor at each milestone
  std::int64_t restart_epochs = 10;           // warm restarts: length of the first period
  std::int64_t restart_factor = 1;            // warm restarts: each period by the one before
  std::int64_t warmup_epochs = 0;             // the rate grows linearly at first …
  double warmup_start = 0.1;                  // … from this share of the first rate

  bool operator==(const LearningRateConfig&) const = default;
};
// "schedule", "learning_rate" and the other settings of the present section.
void VisitFields(core::FieldVisitor& v, LearningRateConfig& c);

// Throws ConfigError where settings contradict each other.
void Validate(const LearningRateConfig& config);

// The rate at `epoch`, a fraction where steps within an epoch differ, of `num_epochs` in all. At
// whole epochs it is that of PyTorch's schedulers: CosineAnnealingLR, MultiStepLR,
// CosineAnnealingWarmRestarts, after LinearLR over the warm-up, which milestones and periods are
// not counted from.
double LearningRateAt(const LearningRateConfig& config, double epoch, std::int64_t num_epochs);

}  // namespace duet::tasks
