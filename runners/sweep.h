// One settings file that stands for many: lists where a setting takes one value.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "runners/run_plan.h"

namespace duet::runners {

struct Sweep {
  std::string name;
  std::string settings;        // the file with its overrides, as TOML; LoadSweep reads it again
  std::vector<RunPlan> plans;  // one for each combination, named after it: "gamma=0.98,tau=0.01"
};

// Reads a settings file in which settings of [agent], [training] and the method may have several
// values, as in gamma = [0.98, 0.99] or hidden = [[64, 64], [256, 256]]. Each combination is a run
// of the method named (empty: the first one), with all of its seeds as members of one stack. Throws
// as LoadRunConfig, and ConfigError where nothing is swept, where combinations are too many or of
// different tasks, or where there is no such method.
Sweep LoadSweep(const std::filesystem::path& path, std::span<const std::string> overrides,
                const std::string& method);

// The method of that name, or the first one where the name is empty. Throws ConfigError.
MethodConfig ChooseMethod(const RunConfig& config, const std::string& name);

}  // namespace duet::runners
