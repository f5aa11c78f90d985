#include "runners/env_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/data_folder.h"
#include "tests/envs/throws.h"

namespace duet::runners {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

Outcome RunCommand(std::vector<std::string> arguments) {
  CLI::App app;
  Outcome outcome;
  AddEnvCommand(app, outcome.exit_code);
  std::ranges::reverse(arguments);  // as CLI11 wants them
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::exception_ptr problem;
  try {
    app.parse(arguments);
  } catch (...) {
    problem = std::current_exception();
  }
  std::fflush(stdout);
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  if (problem) std::rethrow_exception(problem);
  return outcome;
}

std::string TracePath(const char* name) {
  return (envs::DataFolder() / "traces" / (std::string(name) + ".json")).string();
}

TEST(EnvCommandTest, ListNamesEveryEnvironment) {
  const Outcome outcome = RunCommand({"env", "list"});
  EXPECT_EQ(outcome.exit_code, 0);
  for (const std::string& id : envs::EnvIds()) EXPECT_THAT(outcome.out, HasSubstr(id));
  EXPECT_THAT(outcome.out, HasSubstr("MuJoCo"));
}

TEST(EnvCommandTest, ListAsJson) {
  const auto rows = nlohmann::json::parse(RunCommand({"env", "list", "--json"}).out);
  ASSERT_EQ(rows.size(), envs::EnvIds().size());
  const auto row = std::ranges::find_if(
      rows, [](const nlohmann::json& candidate) { return candidate["id"] == "HalfCheetah-v5"; });
  ASSERT_NE(row, rows.end());
  EXPECT_EQ((*row)["observation_size"], 17);
  EXPECT_EQ((*row)["action_size"], 6);
  EXPECT_EQ((*row)["max_episode_steps"], 1000);
}

TEST(EnvCommandTest, ReplayPasses) {
  const Outcome outcome = RunCommand(
      {"env", "replay", TracePath("Hopper-v5__default__s0"), TracePath("Hopper-v5__noterm__s0")});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("PASS"));
  EXPECT_THAT(outcome.out, ::testing::Not(HasSubstr("FAIL")));
}

TEST(EnvCommandTest, ReplayPastTheToleranceExitsWithOne) {
  auto trace = envs::ReadJson(TracePath("Hopper-v5__default__s0"));
  trace["obs"][3][1] = trace["obs"][3][1].get<double>() + 1e-6;
  const auto path = std::filesystem::path(::testing::TempDir()) / "changed_trace.json";
  std::ofstream(path) << trace.dump();
  const Outcome outcome = RunCommand({"env", "replay", path.string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("FAIL"));
  EXPECT_THAT(outcome.out, HasSubstr("1.0e-06 at 4"));
  std::filesystem::remove(path);
}

TEST(EnvCommandTest, BadFileExitsWithTwoAndTheOthersAreReplayed) {
  const Outcome outcome =
      RunCommand({"env", "replay", "missing.json", TracePath("Hopper-v5__default__s0")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("missing.json: cannot read: "));
  EXPECT_THAT(outcome.out, HasSubstr("PASS"));
}

TEST(EnvCommandTest, BenchPrintsRatesAndRatio) {
  const Outcome outcome = RunCommand({"env", "bench", "InvertedPendulum-v5", "--envs", "4",
                                      "--threads", "2", "--seconds", "0.02", "--json"});
  EXPECT_EQ(outcome.exit_code, 0);
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report["envs"], 4);
  EXPECT_EQ(report["threads"], 2);
  EXPECT_GT(report["steps_per_second"].get<double>(), 0.0);
  EXPECT_GT(report["bare_steps_per_second"].get<double>(), 0.0);
  EXPECT_GT(report["ratio"].get<double>(), 0.0);
}

TEST(EnvCommandTest, NumbersOutOfRangeAreRefused) {
  EXPECT_THROW(RunCommand({"env", "bench", "Hopper-v5", "--envs", "0"}), CLI::ValidationError);
  EXPECT_THROW(RunCommand({"env", "bench", "Hopper-v5", "--envs", "100001"}), CLI::ValidationError);
  EXPECT_THROW(RunCommand({"env", "bench", "Hopper-v5", "--threads", "1025"}),
               CLI::ValidationError);
  EXPECT_THROW(RunCommand({"env", "bench", "Hopper-v5", "--seconds", "0"}), CLI::ValidationError);
  EXPECT_THROW(RunCommand({"env", "bench", "Hoper-v5"}), ConfigError);
}

}  // namespace
}  // namespace duet::runners
