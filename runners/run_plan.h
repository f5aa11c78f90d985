// One training run: settings, and the method to train with them.
#pragma once

#include <vector>

#include "runners/config.h"

namespace duet::runners {

struct RunPlan {
  RunConfig config;
  MethodConfig method;
};

// Every method of the settings.
inline std::vector<RunPlan> PlansOf(const RunConfig& config) {
  std::vector<RunPlan> plans;
  for (const MethodConfig& method : config.methods) plans.push_back({config, method});
  return plans;
}

}  // namespace duet::runners
