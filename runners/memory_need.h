// What memory runs will need.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "runners/run_plan.h"

namespace duet::runners {

// The replay of one run when it is full, which is nearly all that a run needs; the filled part of
// it is needed once more while a resumed run reads its checkpoint.
struct ReplayNeed {
  std::int64_t members = 0;           // learners side by side, of all seeds
  std::int64_t transitions = 0;       // of each
  std::int64_t transition_bytes = 0;  // of one
  std::int64_t teacher_bytes = 0;  // of a teacher that is trained first, kept beside the student's

  std::int64_t bytes() const { return members * transitions * transition_bytes + teacher_bytes; }
};
ReplayNeed NeedOf(const RunPlan& plan);

// What runs need of which `at_once` go on at a time, as a line for people: "memory: 1.5 GB of
// replay when full (3 learners x 1,000,000 transitions x 168 bytes), 21.0 GB available". Throws
// ConfigError where that is more than the device has available.
std::string CheckMemory(std::span<const RunPlan> plans, std::int64_t at_once);

}  // namespace duet::runners
