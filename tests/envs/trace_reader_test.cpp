#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "envs/trace.h"
#include "envs/trace_replay.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Two steps of InvertedPendulum-v5.
json Example() {
  return json::parse(R"({
    "format": 1, "env": "InvertedPendulum-v5", "kwargs": {}, "max_episode_steps": 1000,
    "frame_skip": 2,
    "state0": {"qpos": [0, 0.01], "qvel": [0, 0], "qacc_warmstart": [0, 0], "time": 0},
    "obs0": [0, 0.01, 0, 0], "actions": [[0.5], [-4.0]], "obs_t": [1, 2],
    "obs": [[0, 0, 0, 0], [0, 0, 0, 0]], "reward": [1, 1],
    "terminated": [false, false], "truncated": [false, false],
    "states": [{"t": 2, "qpos": [0, 0], "qvel": [0, 0], "qacc_warmstart": [0, 0], "time": 0.08}]
  })");
}

class TraceReaderTest : public ::testing::Test {
 protected:
  TraceReaderTest()
      : path_(std::filesystem::path(::testing::TempDir()) /
              (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
               ".json")) {}
  ~TraceReaderTest() override { std::filesystem::remove(path_); }

  Trace Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadTrace(path_);
  }

  // The error without "path: ".
  std::string ErrorOf(const std::string& text) {
    const std::string message = MessageOf<IoError>([&] { Read(text); });
    EXPECT_THAT(message, StartsWith(path_.string() + ": "));
    EXPECT_THAT(message, ::testing::Not(HasSubstr("\n")));
    return message.size() > path_.string().size() + 2 ? message.substr(path_.string().size() + 2)
                                                      : "";
  }

  // The error with one field of the example replaced.
  std::string ErrorWith(const char* pointer, const json& value) {
    json changed = Example();
    changed[json::json_pointer(pointer)] = value;
    return ErrorOf(changed.dump());
  }

  std::filesystem::path path_;
};

TEST_F(TraceReaderTest, GoodFileIsRead) {
  const Trace trace = Read(Example().dump());
  EXPECT_EQ(trace.env_id, "InvertedPendulum-v5");
  EXPECT_EQ(trace.max_episode_steps, 1000);
  EXPECT_EQ(trace.actions, (std::vector<RecordedAction>{std::vector{0.5F}, std::vector{-4.0F}}));
  EXPECT_FALSE(trace.seed.has_value());
  EXPECT_FALSE(trace.has_reset_options);
  EXPECT_EQ(trace.states.at(0).step, 2);
  EXPECT_EQ(*trace.states.at(0).Find("time"), std::vector{0.08});
  EXPECT_EQ(trace.states.at(0).Find("lagged_xy"), nullptr);
}

TEST_F(TraceReaderTest, ListsWithinListsOfStatesAreFlattened) {
  json example = Example();
  example["state0"]["bodies"] = {{1, 2.5, true}, {3, 4, false}};
  example["state0"]["remark"] = "for people";
  const Trace trace = Read(example.dump());
  EXPECT_EQ(*trace.start.Find("bodies"), (std::vector<double>{1, 2.5, 1, 3, 4, 0}));
  EXPECT_EQ(trace.start.Find("remark"), nullptr);
  EXPECT_EQ(ErrorWith("/state0/bodies", {1, {2, "x"}}),
            "state0.bodies[1][1] = \"x\"; allowed is a finite number");
}

TEST_F(TraceReaderTest, DrawsOfTheStepsBelongToTheStart) {
  json example = Example();
  example["step_draws"] = {{0.25, -0.5}, {0.75, 1}};
  example["state0"]["draws"] = {{"uniform", -1, 1, 0.5}};  // a log, which repeats what is beside it
  const Trace trace = Read(example.dump());
  EXPECT_EQ(*trace.start.Find("step_draws"), (std::vector<double>{0.25, -0.5, 0.75, 1}));
  EXPECT_EQ(trace.start.Find("draws"), nullptr);
  EXPECT_EQ(ErrorWith("/step_draws", {{0.5, nullptr}}),
            "step_draws[0][1] = null; allowed is a finite number");
}

TEST_F(TraceReaderTest, DiscreteActionsAreIndices) {
  json example = Example();
  example["actions"] = {1, 0};
  EXPECT_EQ(Read(example.dump()).actions,
            (std::vector<RecordedAction>{std::int64_t{1}, std::int64_t{0}}));
  EXPECT_EQ(ErrorWith("/actions", {1, -1}), "actions[1] = -1; allowed is a whole number from 0 on");
}

TEST_F(TraceReaderTest, OriginIsRead) {
  json example = Example();
  example["seed"] = 18446744073709551615U;
  example["reset_options"] = nullptr;
  example["versions"] = {{"mujoco", "3.17.0"}, {"python", "3.11"}};
  const Trace trace = Read(example.dump());
  EXPECT_EQ(trace.seed, 18446744073709551615U);
  EXPECT_FALSE(trace.has_reset_options);
  EXPECT_EQ(trace.mujoco_version, "3.17.0");
  example["reset_options"] = {{"low", -0.1}};
  EXPECT_TRUE(Read(example.dump()).has_reset_options);
  EXPECT_EQ(ErrorWith("/seed", -1), "seed = -1; allowed is a whole number from 0 on");
  EXPECT_EQ(ErrorWith("/seed", "one"), "seed = \"one\"; allowed is a whole number from 0 on");
  EXPECT_EQ(ErrorWith("/reset_options", 3), "reset_options = 3; allowed is an object");
  EXPECT_EQ(ErrorWith("/versions", 3), "versions = 3; allowed is an object");
  EXPECT_EQ(ErrorWith("/versions/mujoco", 3), "versions.mujoco = 3; allowed is a text");
}

TEST_F(TraceReaderTest, OptionsKeepTheirTypes) {
  json example = Example();
  example["kwargs"] = {{"flag", true}, {"number", 2}, {"text", "a"}, {"range", {0.5, 2}}};
  const EnvOptions options = Read(example.dump()).options;
  EXPECT_EQ(std::get<bool>(options.at("flag")), true);
  EXPECT_EQ(std::get<double>(options.at("number")), 2.0);
  EXPECT_EQ(std::get<std::string>(options.at("text")), "a");
  EXPECT_EQ(std::get<Interval>(options.at("range")).low, 0.5);
}

TEST_F(TraceReaderTest, PythonsInfinityIsReadInRanges) {
  std::string text = Example().dump();
  text.replace(text.find("\"kwargs\":{}"), 11, R"("kwargs":{"r":[-Infinity,Infinity]})");
  const Interval range = std::get<Interval>(Read(text).options.at("r"));
  EXPECT_EQ(range.low, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(range.high, std::numeric_limits<double>::infinity());
}

TEST_F(TraceReaderTest, MissingFileAndFolderAreNamed) {
  EXPECT_THAT(MessageOf<IoError>([] { ReadTrace("no/such.json"); }),
              StartsWith("no/such.json: cannot read: "));
  EXPECT_THAT(MessageOf<IoError>([] { ReadTrace(::testing::TempDir()); }),
              HasSubstr("cannot read: "));
}

TEST_F(TraceReaderTest, WhatIsNotJsonIsRefused) {
  for (const std::string text : {"", "nonsense", "{", "[1, 2", "\x89PNG\r\n", "{\"a\": }"}) {
    EXPECT_THAT(ErrorOf(text), EndsWith("; allowed is a trace file (JSON)")) << text;
  }
  EXPECT_EQ(ErrorOf("[1]"), "the file = [1]; allowed is a JSON object");
  EXPECT_EQ(ErrorOf("{}"), "format is missing; a trace has it");
}

TEST_F(TraceReaderTest, EveryPrefixOfAFileIsRefused) {
  const std::string text = Example().dump();
  for (std::size_t size = 0; size < text.size(); size += 7) {
    EXPECT_THAT(ErrorOf(text.substr(0, size)), EndsWith("allowed is a trace file (JSON)")) << size;
  }
}

TEST_F(TraceReaderTest, EveryMissingFieldIsNamed) {
  for (const char* key :
       {"format", "env", "kwargs", "max_episode_steps", "state0", "obs0", "actions", "obs_t", "obs",
        "reward", "terminated", "truncated", "states"}) {
    json changed = Example();
    changed.erase(key);
    EXPECT_EQ(ErrorOf(changed.dump()), std::string(key) + " is missing; a trace has it");
  }
  for (const char* key : {"qpos", "qvel", "qacc_warmstart", "time"}) {
    json changed = Example();
    changed["state0"].erase(key);
    EXPECT_THAT(MessageOf<IoError>([&] { ReplayTrace(Read(changed.dump())); }),
                HasSubstr("the recorded state at step 0 has no " + std::string(key)));
  }
}

TEST_F(TraceReaderTest, EveryFieldOfAnotherTypeIsNamed) {
  const json strange = "strange";
  for (const char* key :
       {"format", "kwargs", "max_episode_steps", "frame_skip", "state0", "obs0", "actions", "obs_t",
        "obs", "reward", "terminated", "truncated", "states"}) {
    EXPECT_THAT(ErrorWith((std::string("/") + key).c_str(), strange),
                StartsWith(std::string(key) + " = \"strange\"; allowed is "));
  }
  EXPECT_EQ(ErrorWith("/env", 7), "env = 7; allowed is a text");
  EXPECT_EQ(ErrorWith("/obs/1/2", nullptr), "obs[1][2] = null; allowed is a finite number");
  EXPECT_EQ(ErrorWith("/actions/0", 0.5),
            "actions[0] = 0.5; allowed is a list of numbers, or the index of a discrete action");
  EXPECT_EQ(ErrorWith("/terminated/1", 0), "terminated[1] = 0; allowed is true or false");
  EXPECT_EQ(ErrorWith("/states/0", 3), "states[0] = 3; allowed is an object");
  EXPECT_EQ(ErrorWith("/states/0/t", 2.5),
            "states[0].t = 2.5; allowed is a whole number from 1 on");
  EXPECT_EQ(ErrorWith("/kwargs/x", {1, 2, 3}),
            "kwargs.x = [1,2,3]; allowed is a number, a text, true, false or two numbers [low, "
            "high]");
}

TEST_F(TraceReaderTest, NumbersThatAreNotFiniteAreNamed) {
  std::string text = Example().dump();
  text.replace(text.find("\"reward\":[1,1]"), 14, "\"reward\":[1,NaN]");
  EXPECT_EQ(ErrorOf(text), "reward[1] = \"NaN\"; allowed is a finite number");
  text = Example().dump();
  text.replace(text.find("\"obs0\":[0,"), 10, "\"obs0\":[-Infinity,");
  EXPECT_EQ(ErrorOf(text), "obs0[0] = \"-Infinity\"; allowed is a finite number");
}

TEST_F(TraceReaderTest, LengthsMustAgree) {
  EXPECT_EQ(ErrorWith("/reward", {1}), "reward has 1 entries; allowed is 2");
  EXPECT_EQ(ErrorWith("/terminated", {false}), "terminated has 1 entries; allowed is 2");
  EXPECT_EQ(ErrorWith("/obs", json::array()), "obs has 0 entries; allowed is 2");
  EXPECT_EQ(ErrorWith("/actions", json::array()), "actions has 0 entries; allowed is at least 1");
}

TEST_F(TraceReaderTest, StepsMustAscendWithinTheEpisode) {
  EXPECT_EQ(ErrorWith("/obs_t/1", 1), "obs_t[1] = 1; allowed is ascending steps up to 2");
  EXPECT_EQ(ErrorWith("/obs_t/1", 3), "obs_t[1] = 3; allowed is ascending steps up to 2");
  EXPECT_EQ(ErrorWith("/states/0/t", 9), "states[0].t = 9; allowed is ascending steps up to 2");
  EXPECT_EQ(ErrorWith("/states/0/t", -1), "states[0].t = -1; allowed is a whole number from 1 on");
}

TEST_F(TraceReaderTest, EndBeforeTheLastStepIsRefused) {
  EXPECT_EQ(ErrorWith("/terminated/0", true),
            "terminated[0] = true; allowed is an end in the last step only");
}

TEST_F(TraceReaderTest, OtherFormatsAndIdsAreRefused) {
  EXPECT_EQ(ErrorWith("/format", 2), "format = 2; allowed is 1");
  EXPECT_EQ(ErrorWith("/max_episode_steps", 0),
            "max_episode_steps = 0; allowed is a whole number from 1 on");
  EXPECT_THAT(ErrorWith("/env", "Marathon-v1"),
              AllOf(StartsWith("unknown environment \"Marathon-v1\"; known are "),
                    HasSubstr("HalfCheetah-v5, ")));
}

TEST_F(TraceReaderTest, LongValuesAreShortenedInErrors) {
  EXPECT_LT(ErrorWith("/max_episode_steps", std::string(10000, 'x')).size(), 200u);
}

TEST_F(TraceReaderTest, ReplayOfTheExampleFindsItsMadeUpNumbers) {
  EXPECT_FALSE(ReplayTrace(Read(Example().dump())).passed);
}

}  // namespace
}  // namespace duet::envs
