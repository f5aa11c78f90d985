// Replays of the reference implementation's episodes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "core/error.h"
#include "envs/registry.h"
#include "envs/trace.h"
#include "tests/envs/data_folder.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;

void ExpectReplay(const std::filesystem::path& path) {
  const ReplayReport report = ReplayTrace(ReadTrace(path));
  EXPECT_TRUE(report.passed) << path;
  EXPECT_TRUE(report.model_bit_equal) << path;
  EXPECT_LE(report.window_observation.value, report.observation_tolerance) << path;
  EXPECT_LE(report.window_reward.value, 1e-6) << path;
  EXPECT_EQ(report.window_flag_mismatches, 0) << path;
  EXPECT_EQ(report.episode_flag_mismatches, 0) << path;
  EXPECT_LE(report.observation_tolerance, report.env_id == "Humanoid-v5" ? 1e-6 : 1e-9);
}

TEST(TraceReplayTest, CopiedTracesReplay) {
  const auto paths = JsonFiles(DataFolder() / "traces");
  for (const auto& path : paths) ExpectReplay(path);
  for (const std::string& id : EnvIds()) {
    EXPECT_TRUE(std::ranges::any_of(paths, [&](const auto& path) {
      return path.filename().string().starts_with(id + "__");
    })) << id;
  }
}

TEST(TraceReplayTest, AllTracesBesideTheCheckoutReplay) {
  if (!std::filesystem::exists(SharedTraceFolder())) {
    GTEST_SKIP() << SharedTraceFolder() << " does not exist; the copied traces are replayed above";
  }
  int num_replayed = 0;
  for (const auto& path : JsonFiles(SharedTraceFolder())) {
    const std::string name = path.filename().string();
    if (!std::ranges::binary_search(EnvIds(), name.substr(0, name.find("__")))) continue;
    ExpectReplay(path);
    ++num_replayed;
  }
  EXPECT_GE(num_replayed, 24);
}

class ChangedTraceTest : public ::testing::Test {
 protected:
  ChangedTraceTest() : trace_(ReadTrace(DataFolder() / "traces" / "Hopper-v5__noterm__s0.json")) {}

  Trace trace_;
};

TEST_F(ChangedTraceTest, ChangedObservationIsFound) {
  trace_.observations[44][3] += 1e-6;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_NEAR(report.window_observation.value, 1e-6, 1e-9);
  EXPECT_EQ(report.window_observation.step, 45);
  EXPECT_EQ(report.window_observation.index, 3);
}

TEST_F(ChangedTraceTest, ChangedRewardIsFound) {
  trace_.rewards[7] += 1e-3;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_NEAR(report.window_reward.value, 1e-3, 1e-9);
  EXPECT_EQ(report.window_reward.step, 8);
}

TEST_F(ChangedTraceTest, ChangedFirstObservationIsFound) {
  trace_.first_observation[0] += 1.0;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_EQ(report.window_observation.step, 0);
}

TEST_F(ChangedTraceTest, MissedEndIsFound) {
  trace_.terminated.back() = true;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_EQ(report.episode_flag_mismatches, 1);
  EXPECT_EQ(report.first_flag_mismatch, report.num_steps);
}

TEST_F(ChangedTraceTest, OptionsOfTheTraceAreHonoured) {
  trace_.options.clear();  // the hopper falls early, and by default that ends the episode
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_LT(report.first_flag_mismatch, 20);
}

TEST_F(ChangedTraceTest, StepLimitOfTheTraceIsHonoured) {
  trace_.max_episode_steps = static_cast<std::int64_t>(trace_.actions.size());
  EXPECT_FALSE(ReplayTrace(trace_).passed);
  trace_.truncated.back() = true;
  EXPECT_TRUE(ReplayTrace(trace_).passed);
}

TEST_F(ChangedTraceTest, SizesThatDoNotFitTheTaskAreNamed) {
  trace_.path = "x.json";
  Trace changed = trace_;
  changed.actions[5].push_back(0.0F);
  EXPECT_EQ(MessageOf<IoError>([&] { ReplayTrace(changed); }),
            "x.json: actions[5] has 4 entries; allowed is 3");
  changed = trace_;
  changed.first_observation.pop_back();
  EXPECT_EQ(MessageOf<IoError>([&] { ReplayTrace(changed); }),
            "x.json: obs0 has 10 entries; allowed is 11");
  changed = trace_;
  changed.states[2].numbers["qvel"].pop_back();
  EXPECT_THAT(MessageOf<IoError>([&] { ReplayTrace(changed); }),
              HasSubstr("x.json: Hopper-v5: qvel of the recorded state at step 60 has 5 numbers"));
  changed = trace_;
  changed.frame_skip = 5;
  EXPECT_EQ(MessageOf<IoError>([&] { ReplayTrace(changed); }),
            "x.json: frame_skip = 5; allowed is 4, as the settings say");
  changed = trace_;
  changed.options["colour"] = std::string("red");
  EXPECT_THAT(MessageOf<IoError>([&] { ReplayTrace(changed); }),
              HasSubstr("x.json: Hopper-v5: unknown option colour = \"red\"; known are "));
}

}  // namespace
}  // namespace duet::envs
