#include "runners/results_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "runners/json_node.h"
#include "runners/summary.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;
Json ToJson(const ScoreSummary& summary) {
  return {{"iqm", summary.iqm.value}, {"low", summary.iqm.low}, {"high", summary.iqm.high},
          {"median", summary.median}, {"mean", summary.mean},   {"per_seed", summary.per_seed}};
}

// The name of a run: its folder's, also of "runs/a/" and ".".
std::string RunName(const fs::path& folder) {
  std::error_code code;
  fs::path path = fs::weakly_canonical(folder, code);
  if (code) path = folder;
  if (!path.has_filename()) path = path.parent_path();
  return path.filename().string();
}

// What summary.json alone knows of a comparison. It is made from the results, so one that is
// missing or damaged costs only this.
struct SummaryFacts {
  std::vector<std::string> order;
  std::optional<double> wall_seconds;
  std::optional<std::string> name;
};

SummaryFacts ReadSummaryFacts(const fs::path& folder) {
  SummaryFacts facts;
  std::error_code code;
  if (!fs::is_regular_file(folder / "summary.json", code)) return facts;
  const Json json = Json::parse(core::ReadFile(folder / "summary.json"), nullptr, false);
  if (!json.is_object()) return facts;
  if (json.contains("wall_seconds") && json["wall_seconds"].is_number()) {
    facts.wall_seconds = json["wall_seconds"].get<double>();
  }
  if (json.contains("name") && json["name"].is_string()) {
    facts.name = json["name"].get<std::string>();
  }
  if (json.contains("methods") && json["methods"].is_array()) {
    for (const Json& method : json["methods"]) {
      if (method.is_object() && method.contains("name") && method["name"].is_string()) {
        facts.order.push_back(method["name"].get<std::string>());
      }
    }
  }
  return facts;
}

// As in summary.json; methods that are not there follow: alone, teacher, dual, others.
void SortMethods(std::vector<MethodResult>& methods, const std::vector<std::string>& order) {
  const std::vector<std::string> kinds = {"alone", "teacher", "dual"};
  const auto rank = [&](const MethodResult& method) {
    return std::tuple(std::find(order.begin(), order.end(), method.name) - order.begin(),
                      std::find(kinds.begin(), kinds.end(), method.kind) - kinds.begin(),
                      method.name);
  };
  std::sort(methods.begin(), methods.end(),
            [&](const MethodResult& a, const MethodResult& b) { return rank(a) < rank(b); });
}

// Both values of a fact that should be one.
void Join(std::string& into, const std::string& text) {
  if (into.empty()) {
    into = text;
  } else if (!text.empty() && into.find(text) == std::string::npos) {
    into += "; " + text;
  }
}

void Join(Provenance& into, const Provenance& other) {
  Join(into.duet_version, other.duet_version);
  Join(into.libtorch_version, other.libtorch_version);
  Join(into.mujoco_version, other.mujoco_version);
  Join(into.compiler, other.compiler);
  Join(into.hardware, other.hardware);
  Join(into.device, other.device);
  if (into.started.empty() || (!other.started.empty() && other.started < into.started)) {
    into.started = other.started;
  }
}

}  // namespace

std::string ResultJson(const MethodResult& method, const Provenance& provenance) {
  Json evaluations = Json::array();
  for (const EvaluationPoint& point : method.evaluations) {
    evaluations.push_back({{"env_steps_total", point.env_steps_total},
                           {"env_steps_per_learner", point.env_steps_per_learner},
                           {"gradient_steps_total", point.gradient_steps_total},
                           {"phase", point.phase},
                           {"returns", point.returns}});
  }
  Json diagnostics = Json::array();
  for (const DiagnosticPoint& point : method.diagnostics) {
    diagnostics.push_back({{"env_steps_total", point.env_steps_total},
                           {"env_steps_per_learner", point.env_steps_per_learner},
                           {"values", point.values}});
  }
  const Json json = {{"schema", kResultSchema},
                     {"name", method.name},
                     {"kind", method.kind},
                     {"task", method.task},
                     {"seeds", method.seeds},
                     {"learners", method.learners},
                     {"env_steps_total", method.env_steps_total},
                     {"env_steps_per_learner", method.env_steps_per_learner},
                     {"gradient_steps_total", method.gradient_steps_total},
                     {"distillation_steps_total", method.distillation_steps_total},
                     {"wall_seconds", method.wall_seconds},
                     {"parameters_sha256", method.parameters_sha256},
                     {"stopped_early", method.stopped_early},
                     {"provenance", ToJson(provenance)},
                     {"evaluations", evaluations},
                     {"diagnostics", diagnostics}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

StoredResult ReadResult(const fs::path& path) { return ParseResult(core::ReadFile(path), path); }

StoredResult ParseResult(const std::string& text, const fs::path& path) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    // The library's own text repeats the input; the place is what helps.
    const auto* parse = dynamic_cast<const Json::parse_error*>(&error);
    throw IoError(fmt::format("{}: damaged at byte {}, a JSON object is allowed", path.string(),
                              parse == nullptr ? 0 : parse->byte));
  }
  const Node root(json, path, "");
  if (const std::int64_t schema = root.At("schema").Integer(); schema != kResultSchema) {
    throw IoError(
        fmt::format("{}: \"schema\" is {}, {} is allowed", path.string(), schema, kResultSchema));
  }
  StoredResult stored;
  MethodResult& method = stored.method;
  method.name = root.At("name").Text();
  if (method.name.empty()) root.At("name").Fail("a text that is not empty");
  method.kind = root.At("kind").Text();
  method.task = root.At("task").Text();
  method.seeds = root.At("seeds").Each([](const Node& seed) { return seed.Integer(); });
  if (method.seeds.empty()) root.At("seeds").Fail("a list that is not empty");
  method.learners = root.At("learners").Count(1);
  method.env_steps_total = root.At("env_steps_total").Count();
  method.env_steps_per_learner = root.At("env_steps_per_learner").Count();
  method.gradient_steps_total = root.At("gradient_steps_total").Count();
  method.distillation_steps_total = root.At("distillation_steps_total").Count();
  method.wall_seconds = root.At("wall_seconds").Number();
  method.parameters_sha256 = root.At("parameters_sha256").Text();
  if (root.Has("stopped_early")) method.stopped_early = root.At("stopped_early").Text();
  stored.provenance = ReadProvenance(root.At("provenance"));
  method.evaluations = root.At("evaluations").Each([&](const Node& point) {
    return EvaluationPoint{.env_steps_total = point.At("env_steps_total").Count(),
                           .env_steps_per_learner = point.At("env_steps_per_learner").Count(),
                           .gradient_steps_total = point.At("gradient_steps_total").Count(),
                           .phase = point.At("phase").Text(),
                           .returns = point.At("returns").Table(method.seeds.size())};
  });
  method.diagnostics = root.At("diagnostics").Each([&](const Node& point) {
    DiagnosticPoint diagnostic{.env_steps_total = point.At("env_steps_total").Count(),
                               .env_steps_per_learner = point.At("env_steps_per_learner").Count(),
                               .values = {}};
    point.At("values").EachKey([&](const std::string& name, const Node& table) {
      diagnostic.values[name] = table.Table(method.seeds.size());
    });
    return diagnostic;
  });
  return stored;
}

ComparisonResult ReadRun(const fs::path& folder, std::vector<std::string>* unfinished) {
  std::error_code code;
  if (!fs::is_directory(folder, code)) {
    throw IoError(
        fmt::format("{}: no such folder, the folder of a run is needed", folder.string()));
  }
  ComparisonResult comparison;
  comparison.name = RunName(folder);
  if (fs::is_regular_file(folder / "config.toml", code)) {
    comparison.config_toml = core::ReadFile(folder / "config.toml");
  }
  std::vector<fs::path> files;
  if (fs::is_directory(folder / "methods", code)) {
    std::set<fs::path> methods;  // in order of their names
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / "methods", code)) {
      if (entry.is_directory(code)) methods.insert(entry.path());
    }
    for (const fs::path& method : methods) {
      if (fs::is_regular_file(method / "result.json", code)) {
        files.push_back(method / "result.json");
      } else if (unfinished != nullptr) {
        unfinished->push_back(method.filename().string());
      }
    }
  } else if (fs::is_regular_file(folder / "result.json", code)) {
    files.push_back(folder / "result.json");
  }
  if (files.empty()) {
    throw IoError(fmt::format(
        "{}: holds no finished result, result.json or methods/NAME/result.json is needed",
        folder.string()));
  }
  for (const fs::path& file : files) {
    StoredResult stored = ReadResult(file);
    if (!comparison.methods.empty() && stored.method.task != comparison.task) {
      throw IoError(fmt::format("{}: \"task\" is {}, {} is allowed as in the methods beside it",
                                file.string(), stored.method.task, comparison.task));
    }
    for (const MethodResult& method : comparison.methods) {
      if (method.name == stored.method.name) {
        throw IoError(
            fmt::format("{}: \"name\" is {}, as of another method of this run; a name of "
                        "its own is needed",
                        file.string(), method.name));
      }
    }
    comparison.task = stored.method.task;
    comparison.wall_seconds = std::max(comparison.wall_seconds, stored.method.wall_seconds);
    Join(comparison.provenance, stored.provenance);
    comparison.methods.push_back(std::move(stored.method));
  }
  const SummaryFacts facts = ReadSummaryFacts(folder);
  comparison.wall_seconds = facts.wall_seconds.value_or(comparison.wall_seconds);
  comparison.name = facts.name.value_or(comparison.name);
  SortMethods(comparison.methods, facts.order);
  return comparison;
}

ComparisonResult MergeRuns(const std::vector<ComparisonResult>& runs) {
  if (runs.empty()) throw Error("no run given, at least 1 is needed");
  if (runs.size() == 1) return runs.front();
  std::map<std::string, int> occurrences;
  for (const ComparisonResult& run : runs) {
    for (const MethodResult& method : run.methods) ++occurrences[method.name];
  }
  ComparisonResult merged;
  merged.task = runs.front().task;
  std::set<std::string> names;
  for (const ComparisonResult& run : runs) {
    if (run.task != merged.task) {
      throw Error(fmt::format("{} is on {}, {} on {}: only runs on the same task can be compared",
                              runs.front().name, merged.task, run.name, run.task));
    }
    merged.name += (merged.name.empty() ? "" : " + ") + run.name;
    merged.wall_seconds += run.wall_seconds;
    if (!run.config_toml.empty()) {
      merged.config_toml +=
          fmt::format("{}# Settings of {}\n{}", merged.config_toml.empty() ? "" : "\n", run.name,
                      run.config_toml);
    }
    Join(merged.provenance, run.provenance);
    for (MethodResult method : run.methods) {
      if (occurrences[method.name] > 1) method.name = run.name + "/" + method.name;
      // Runs of the same name, from different parents, are numbered.
      const std::string name = method.name;
      for (int i = 2; !names.insert(method.name).second; ++i) {
        method.name = fmt::format("{} ({})", name, i);
      }
      merged.methods.push_back(std::move(method));
    }
  }
  return merged;
}

std::string SummaryJson(const ComparisonResult& comparison) {
  const std::vector<MethodSummary> summaries = Summarize(comparison);
  Json methods = Json::array();
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const MethodResult& method = comparison.methods[i];
    const MethodSummary& summary = summaries[i];
    Json improvement = nullptr;
    if (summary.improvement) {
      improvement = {{"over", summary.improvement->over},
                     {"value", summary.improvement->probability.value},
                     {"low", summary.improvement->probability.low},
                     {"high", summary.improvement->probability.high}};
    }
    Json per_learner = nullptr;
    for (const EvaluationPoint& point : method.evaluations) {
      if (point.phase == "training") per_learner = point.returns;
    }
    methods.push_back({{"name", method.name},
                       {"kind", method.kind},
                       {"seeds", method.seeds},
                       {"learners", method.learners},
                       {"env_steps_total", method.env_steps_total},
                       {"env_steps_per_learner", method.env_steps_per_learner},
                       {"gradient_steps_total", method.gradient_steps_total},
                       {"distillation_steps_total", method.distillation_steps_total},
                       {"wall_seconds", method.wall_seconds},
                       {"final_return", ToJson(summary.final_return)},
                       {"best_return", ToJson(summary.best_return)},
                       {"area_under_curve", ToJson(summary.area_under_curve)},
                       {"probability_of_improvement", improvement},
                       {"final_return_per_learner", per_learner},
                       {"parameters_sha256", method.parameters_sha256},
                       {"stopped_early", method.stopped_early}});
  }
  std::vector<std::int64_t> seeds;
  for (const MethodResult& method : comparison.methods) {
    for (const std::int64_t seed : method.seeds) {
      if (std::find(seeds.begin(), seeds.end(), seed) == seeds.end()) seeds.push_back(seed);
    }
  }
  return Dump({{"schema", kResultSchema},
               {"name", comparison.name},
               {"task", comparison.task},
               {"fingerprint", Fingerprint(comparison)},
               {"seeds", seeds},
               {"wall_seconds", comparison.wall_seconds},
               {"provenance", ToJson(comparison.provenance)},
               {"methods", methods}});
}

}  // namespace duet::runners
