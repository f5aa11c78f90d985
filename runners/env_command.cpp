#include "runners/env_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "envs/trace.h"
#include "envs/trace_replay.h"
#include "runners/env_show.h"

namespace duet::runners {
namespace {

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
  CLI::App* env = app.add_subcommand("env", "list, explain, check and time the environments");
  env->require_subcommand(1);

  AddEnvListCommand(*env, exit_code);
  AddEnvShowCommand(*env, exit_code);

  // What the option writes to lives as long as the callback.
  auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* replay = env->add_subcommand(
      "replay", "replay recorded episodes; exit code 1 past the tolerance, 2 for a bad file");
  replay->add_option("TRACE", *paths, "Trace files")->required();
  replay->callback([&exit_code, paths] { exit_code = ReplayAll(*paths); });

  AddEnvBenchCommand(*env, exit_code, load_policy);
}

}  // namespace duet::runners
