#include "runners/env_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "envs/trace.h"
#include "envs/trace_replay.h"

namespace duet::runners {
namespace {

using nlohmann::ordered_json;

// "[-1, 1]", or the ranges of the single actions where they differ.
std::string DescribeRange(const envs::EnvSpec& spec) {
  std::string text;
  std::string previous;
  for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
    const std::string range = fmt::format("[{:g}, {:g}]", spec.action_low[i], spec.action_high[i]);
    if (range == previous) continue;
    text += (i == 0 ? "" : " ") + range;
    previous = range;
  }
  return text;
}

void PrintList(bool as_json) {
  ordered_json rows = ordered_json::array();
  if (!as_json) {
    fmt::print("{:<26} {:>11} {:>6}  {:<12} {:>6}  {}\n", "id", "observation", "action", "range",
               "limit", "engine");
  }
  for (const std::string& id : envs::EnvIds()) {
    const envs::EnvSpec spec = envs::MakeEnv(id)->spec();
    const std::string engine = envs::DescribeEnv(id).engine;
    if (as_json) {
      rows.push_back({{"id", id},
                      {"observation_size", spec.observation_size},
                      {"action_size", spec.action_size()},
                      {"action_low", spec.action_low},
                      {"action_high", spec.action_high},
                      {"max_episode_steps", spec.max_episode_steps},
                      {"engine", engine}});
    } else {
      fmt::print("{:<26} {:>11} {:>6}  {:<12} {:>6}  {}\n", id, spec.observation_size,
                 spec.action_size(), DescribeRange(spec), spec.max_episode_steps, engine);
    }
  }
  if (as_json) fmt::print("{}\n", rows.dump(2));
}

std::string Describe(const envs::Deviation& deviation) {
  return deviation.value == 0.0 ? "0"
                                : fmt::format("{:.1e} at {}", deviation.value, deviation.step);
}

void PrintStretch(const std::string& what, const envs::StretchReport& report) {
  fmt::print("  {:<28} {:>18} {:>18}  {} differ{}\n", what, Describe(report.observation),
             Describe(report.reward), report.flag_mismatches,
             report.first_flag_mismatch == 0
                 ? ""
                 : fmt::format(", the first at step {}", report.first_flag_mismatch));
}

void PrintTolerance(const std::string& what, const envs::ReplayTolerance& tolerance) {
  fmt::print("  {:<28} {:>18} {:>18}  0 differ\n", what, fmt::format("{:g}", tolerance.observation),
             fmt::format("{:g}", tolerance.reward));
}

std::string_view Describe(envs::SeedCheck check) {
  switch (check) {
    case envs::SeedCheck::kNotApplicable:
      return "no seed alone was recorded";
    case envs::SeedCheck::kSameEpisode:
      return "yes";
    case envs::SeedCheck::kOtherStart:
      return "no, another first observation";
    case envs::SeedCheck::kOtherSteps:
      return "no, the same start but other steps after it";
  }
  return "";
}

void PrintReport(const std::string& path, const envs::ReplayReport& report) {
  fmt::print("{}  {}\n", report.passed ? "PASS" : "FAIL", path);
  fmt::print("  {}, {} steps, {}\n", report.env_id, report.num_steps,
             report.exact ? "exact" : "not exact: " + report.inexact_reason);
  fmt::print("  {:<28} {:>18} {:>18}  {}\n", "largest deviation at step", "observation", "reward",
             "flags");
  PrintStretch(fmt::format("20 steps from {} states", report.num_windows), report.windows);
  PrintTolerance("  allowed", report.window_tolerance);
  PrintStretch("whole episode", report.episode);
  if (report.exact) {
    PrintTolerance("  allowed", report.episode_tolerance);
  } else {
    fmt::print("  {:<28} {:>18} {:>18}  0 differ\n", "  allowed", "any", "any");
  }
  fmt::print("  same start from seed: {}\n", Describe(report.seed));
}

// Goes through all files, even where one is bad.
int ReplayAll(const std::vector<std::string>& paths) {
  int exit_code = 0;
  for (const std::string& path : paths) {
    try {
      const envs::ReplayReport report = envs::ReplayTrace(envs::ReadTrace(path));
      PrintReport(path, report);
      if (!report.passed) exit_code = std::max(exit_code, 1);
    } catch (const Error& error) {
      std::fflush(stdout);
      fmt::print(stderr, "{}\n", error.what());
      exit_code = 2;
    }
  }
  return exit_code;
}

}  // namespace

void AddEnvCommand(CLI::App& app, int& exit_code, const PolicyLoader& load_policy) {
  CLI::App* env = app.add_subcommand("env", "list, check and time the environments");
  env->require_subcommand(1);

  // What the options write to lives as long as the callbacks.
  auto as_json = std::make_shared<bool>(false);
  CLI::App* list = env->add_subcommand("list", "table of all environments");
  list->add_flag("--json", *as_json, "Print JSON");
  list->callback([&exit_code, as_json] {
    PrintList(*as_json);
    exit_code = 0;
  });

  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* replay = env->add_subcommand(
      "replay", "replay recorded episodes; exit code 1 past the tolerance, 2 for a bad file");
  replay->add_option("TRACE", *paths, "Trace files")->required();
  replay->callback([&exit_code, paths] { exit_code = ReplayAll(*paths); });

  AddEnvBenchCommand(*env, exit_code, load_policy);
}

}  // namespace duet::runners
