#include "runners/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <optional>
#include <set>

#include "core/config_reader.h"
#include "core/error.h"
#include "envs/registry.h"

namespace duet::runners {
namespace {

constexpr std::size_t kMostRuns = 10'000;

// What a folder may be called: "[64, 64]" becomes "64x64", and quotes go.
std::string Word(std::string_view value) {
  std::string word;
  for (const char c : value) {
    if (c == ',') word += 'x';
    if (std::string_view("[]\"' ,").find(c) != std::string_view::npos) continue;
    const bool fits = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' ||
                      c == '_' || c == '+';
    word += fits ? c : '_';
  }
  return word;
}

struct Combination {
  std::vector<std::string> overrides;
  std::vector<std::pair<std::string, std::string>> values;  // path, value
};

// All combinations of the first swept setting with what is swept after it, in the file's order.
void Expand(const std::filesystem::path& path, std::span<const std::string> overrides,
            const Combination& chosen, std::vector<Combination>& combinations) {
  std::vector<std::string> all(overrides.begin(), overrides.end());
  all.insert(all.end(), chosen.overrides.begin(), chosen.overrides.end());
  const core::ConfigFile file(path, all);
  const RunConfig defaults;
  const std::optional<core::ConfigFile::Swept> swept = file.FindSwept(defaults);
  if (!swept) {
    combinations.push_back(chosen);
    if (combinations.size() > kMostRuns) {
      throw ConfigError(fmt::format("{}: has more than {} combinations; allowed are fewer",
                                    path.string(), kMostRuns));
    }
    return;
  }
  for (const std::string& value : swept->values) {
    Combination next = chosen;
    next.overrides.push_back(fmt::format("{}={}", swept->path, value));
    next.values.emplace_back(swept->path, value);
    Expand(path, overrides, next, combinations);
  }
}

// Named after the last parts of the paths, or after whole ones where these are the same.
std::string NameOf(const Combination& combination) {
  std::set<std::string> lasts;
  const auto last = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  for (const auto& [path, value] : combination.values) lasts.insert(last(path));
  const bool distinct = lasts.size() == combination.values.size();
  std::vector<std::string> parts;
  for (const auto& [path, value] : combination.values) {
    parts.push_back(fmt::format("{}={}", distinct ? last(path) : path, Word(value)));
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

MethodConfig ChooseMethod(const RunConfig& config, const std::string& name) {
  if (name.empty()) return config.methods.front();
  std::vector<std::string> names;
  for (const MethodConfig& method : config.methods) {
    if (method.name == name) return method;
    names.push_back(method.name);
  }
  throw ConfigError(fmt::format("--method {}: there is no such method; allowed are {}", name,
                                fmt::join(names, ", ")));
}

Sweep LoadSweep(const std::filesystem::path& path, std::span<const std::string> overrides,
                const std::string& method) {
  std::vector<Combination> combinations;
  Expand(path, overrides, {}, combinations);
  if (combinations.front().values.empty()) {
    throw ConfigError(
        fmt::format("{}: no setting has several values; a sweep needs one, as in gamma = "
                    "[0.98, 0.99]",
                    path.string()));
  }
  Sweep sweep;
  std::set<std::string> names;
  for (const Combination& combination : combinations) {
    std::vector<std::string> all(overrides.begin(), overrides.end());
    all.insert(all.end(), combination.overrides.begin(), combination.overrides.end());
    RunPlan plan{.config = LoadRunConfig(path, all), .method = {}};
    plan.method = ChooseMethod(plan.config, method);
    plan.method.name = NameOf(combination);
    if (!names.insert(plan.method.name).second) {
      throw ConfigError(
          fmt::format("{}: two combinations are called {}; allowed are values that "
                      "differ in letters or digits",
                      path.string(), plan.method.name));
    }
    plan.config.methods = {plan.method};
    if (!sweep.plans.empty() &&
        TaskName(plan.config.env) != TaskName(sweep.plans.front().config.env)) {
      throw ConfigError(fmt::format(
          "{}: sweeps over tasks, {} and {}, whose returns do not "
          "compare; allowed is one task",
          path.string(), TaskName(sweep.plans.front().config.env), TaskName(plan.config.env)));
    }
    sweep.plans.push_back(std::move(plan));
  }
  sweep.name = sweep.plans.front().config.name;
  std::vector<std::string> kept(overrides.begin(), overrides.end());
  if (envs::IsModelFile(sweep.plans.front().config.env.id)) {
    kept.push_back(fmt::format("env.id=\"{}\"", sweep.plans.front().config.env.id));
  }
  sweep.settings = core::ConfigFile(path, kept).ToToml();
  return sweep;
}

}  // namespace duet::runners
