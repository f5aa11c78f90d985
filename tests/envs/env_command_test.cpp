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

Outcome RunCommand(std::vector<std::string> arguments, const PolicyLoader& load_policy = nullptr) {
  CLI::App app;
  Outcome outcome;
  AddEnvCommand(app, outcome.exit_code, load_policy);
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

nlohmann::json Bench(std::vector<std::string> arguments,
                     const PolicyLoader& load_policy = nullptr) {
  arguments.insert(arguments.begin(), {"env", "bench"});
  arguments.insert(arguments.end(),
                   {"--envs", "4", "--threads", "2", "--seconds", "0.02", "--json"});
  const Outcome outcome = RunCommand(arguments, load_policy);
  EXPECT_EQ(outcome.exit_code, 0);
  return nlohmann::json::parse(outcome.out);
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

TEST(EnvCommandTest, ListTellsIndicesFromNumbers) {
  const Outcome outcome = RunCommand({"env", "list"});
  EXPECT_THAT(outcome.out, HasSubstr("LunarLander-v3                       8  4 discrete"));
  EXPECT_THAT(outcome.out, HasSubstr("HalfCheetah-v5                      17  6 in [-1, 1]"));
}

TEST(EnvCommandTest, ShowSaysWhatEveryNumberIs) {
  const std::string out = RunCommand({"env", "show", "InvertedPendulum-v5"}).out;
  EXPECT_THAT(out, HasSubstr("InvertedPendulum-v5: keep a pole upright on a cart\n"));
  EXPECT_THAT(out, HasSubstr("at most 1000 steps of 0.04 s\n"));
  EXPECT_THAT(out, HasSubstr("observation: 4 numbers"));
  EXPECT_THAT(out, HasSubstr("rad/s"));
  EXPECT_THAT(out, HasSubstr("[-3, 3]"));
  EXPECT_THAT(out, HasSubstr("reset_noise_scale  0.01     a finite number >= 0\n"));
}

TEST(EnvCommandTest, ShowHasARowForEveryNumberOfEveryEnvironment) {
  for (const std::string& id : envs::EnvIds()) {
    const auto report = nlohmann::json::parse(RunCommand({"env", "show", id, "--json"}).out);
    EXPECT_EQ(report["id"], id);
    EXPECT_FALSE(report["summary"].get<std::string>().empty()) << id;
    EXPECT_EQ(report["observation"].size(), report["observation_size"].get<std::size_t>()) << id;
    const std::size_t num_actions = report["num_actions"].get<std::size_t>();
    EXPECT_EQ(report["action"].size(),
              num_actions > 0 ? num_actions : report["action_size"].get<std::size_t>())
        << id;
    EXPECT_EQ(report["options"].size(), envs::DescribeOptions(id).size()) << id;
    EXPECT_EQ(RunCommand({"env", "show", id}).exit_code, 0) << id;
  }
}

TEST(EnvCommandTest, ShowTakesOptions) {
  const auto report =
      nlohmann::json::parse(RunCommand({"env", "show", "Hopper-v5", "--json", "--option",
                                        "exclude_current_positions_from_observation=false",
                                        "--option", "healthy_z_range=[0.5,inf]"})
                                .out);
  EXPECT_EQ(report["observation_size"], 12);
  const auto option =
      std::ranges::find(report["options"], "healthy_z_range",
                        [](const nlohmann::json& row) { return row["name"].get<std::string>(); });
  ASSERT_NE(option, report["options"].end());
  EXPECT_EQ((*option)["default"], nlohmann::json({0.7, nullptr}));
  EXPECT_EQ((*option)["value"], nlohmann::json({0.5, nullptr}));
  EXPECT_THAT(RunCommand({"env", "show", "LunarLander-v3", "--option", "gravity=-5"}).out,
              HasSubstr("-5"));
  EXPECT_THROW(RunCommand({"env", "show", "Hopper-v5", "--option", "x=1"}), ConfigError);
  EXPECT_THROW(RunCommand({"env", "show", "Hoper-v5"}), ConfigError);
}

TEST(EnvCommandTest, ShowAndBenchTakeAModelFile) {
  const std::string id =
      std::string("mjcf:") + DUET_SOURCE_DIR + "/envs/mujoco/assets/inverted_pendulum.xml";
  const std::string out = RunCommand({"env", "show", id}).out;
  EXPECT_THAT(out, HasSubstr("angle of the hinge"));
  EXPECT_THAT(out, HasSubstr("[env.task]"));
  EXPECT_GT(Bench({id})["ratio"], 0.0);
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

TEST(EnvCommandTest, BenchPrintsRatesAndRatios) {
  const auto report = Bench({"InvertedPendulum-v5"});
  EXPECT_EQ(report["envs"], 4);
  EXPECT_EQ(report["threads"], 2);
  EXPECT_EQ(report["ready"], 0);
  EXPECT_EQ(report["actions"], "random");
  EXPECT_EQ(report["limit"], "mj_step");
  for (const char* name : {"steps_per_second", "limit_steps_per_second", "ratio",
                           "taking_limit_steps_per_second", "taking_ratio"}) {
    EXPECT_GT(report[name].get<double>(), 0.0) << name;
  }
  EXPECT_EQ(report["ratio_quartiles"].size(), 2);
}

TEST(EnvCommandTest, BenchStepsAsynchronously) {
  EXPECT_EQ(Bench({"InvertedPendulum-v5", "--ready", "2"})["ready"], 2);
  EXPECT_THAT(RunCommand({"env", "bench", "Hopper-v5", "--ready", "3", "--seconds", "0.01"}).out,
              HasSubstr("3 ready at a time"));
  EXPECT_THROW(Bench({"InvertedPendulum-v5", "--ready", "5"}), ConfigError);
}

TEST(EnvCommandTest, BenchTakesOptionsOfTheTask) {
  EXPECT_GT(Bench({"Hopper-v5", "--option", "terminate_when_unhealthy=false"})["ratio"], 0.0);
  EXPECT_THROW(Bench({"Hopper-v5", "--option", "gravity=1"}), ConfigError);
}

TEST(EnvCommandTest, BenchLetsAPolicyChooseTheActions) {
  std::size_t num_calls = 0;
  const PolicyLoader load = [&](const std::string& path, const std::string& id,
                                const envs::EnvOptions& options) {
    EXPECT_EQ(path, "runs/here");
    EXPECT_EQ(id, "Hopper-v5");
    EXPECT_TRUE(options.empty());
    return BenchPolicy{.act =
                           [&](std::span<const float>, std::span<float> actions) {
                             ++num_calls;
                             std::ranges::fill(actions, 0.0F);
                           },
                       .make = [] { return envs::MakeEnv("Hopper-v5"); }};
  };
  EXPECT_EQ(Bench({"Hopper-v5", "--policy", "runs/here"}, load)["actions"], "runs/here");
  EXPECT_GT(num_calls, 0);
  EXPECT_THROW(Bench({"Hopper-v5", "--policy", "runs/here"}), CLI::ParseError);
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
