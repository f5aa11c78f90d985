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
#include "envs/trace_replay.h"
#include "tests/envs/data_folder.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;

// The bounds are repeated here, so that a change of the table's is seen.
void ExpectReplay(const std::filesystem::path& path) {
  const ReplayReport report = ReplayTrace(ReadTrace(path));
  EXPECT_TRUE(report.passed) << path;
  EXPECT_TRUE(report.exact) << path << ": " << report.inexact_reason;
  EXPECT_EQ(report.seed, SeedCheck::kSameEpisode) << path;
  const bool mujoco = std::ranges::binary_search(EnvIds(Engine::kMujoco), report.env_id);
  EXPECT_LE(report.episode.observation.value, mujoco ? 1e-12 : 0.0) << path;
  EXPECT_LE(report.episode.reward.value, mujoco ? 1e-12 : 1e-10) << path;
  EXPECT_EQ(report.episode.flag_mismatches, 0) << path;
  EXPECT_LE(report.windows.observation.value, report.window_tolerance.observation) << path;
  EXPECT_EQ(report.windows.flag_mismatches, 0) << path;
  EXPECT_LE(report.window_tolerance.observation,
            report.env_id.starts_with("Humanoid") ? 1e-6 : 1e-8);
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
  EXPECT_GE(num_replayed, 37);
}

TEST(TraceReplayTest, OtherVersionOfTheEngineIsHeldToWindowsOnly) {
  Trace trace = ReadTrace(DataFolder() / "traces" / "Hopper-v5__noterm__s0.json");
  trace.mujoco_version = "2.3.7";
  trace.observations[250][0] += 0.1;  // not within 20 steps of a checkpoint
  const std::int64_t last = trace.observation_steps[250];
  std::erase_if(trace.states, [&](const RecordedState& state) {
    return state.step < last && state.step + 20 >= last;
  });
  const ReplayReport report = ReplayTrace(trace);
  EXPECT_FALSE(report.exact);
  EXPECT_THAT(report.inexact_reason, HasSubstr("2.3.7 in the trace"));
  EXPECT_NEAR(report.episode.observation.value, 0.1, 1e-9);
  EXPECT_TRUE(report.passed);
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
  EXPECT_NEAR(report.windows.observation.value, 1e-6, 1e-9);
  EXPECT_EQ(report.windows.observation.step, 45);
  EXPECT_EQ(report.windows.observation.index, 3);
}

TEST_F(ChangedTraceTest, ChangedRewardIsFound) {
  trace_.rewards[7] += 1e-3;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_NEAR(report.windows.reward.value, 1e-3, 1e-9);
  EXPECT_EQ(report.windows.reward.step, 8);
}

TEST_F(ChangedTraceTest, ChangedFirstObservationIsFound) {
  trace_.first_observation[0] += 1.0;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_EQ(report.windows.observation.step, 0);
}

TEST_F(ChangedTraceTest, OtherSeedIsFoundUnlessResetOptionsWereGiven) {
  trace_.seed = 1234;
  ReplayReport report = ReplayTrace(trace_);
  EXPECT_EQ(report.seed, SeedCheck::kOtherStart);
  EXPECT_FALSE(report.passed);
  trace_.has_reset_options = true;
  report = ReplayTrace(trace_);
  EXPECT_EQ(report.seed, SeedCheck::kNotApplicable);
  EXPECT_TRUE(report.passed);
}

TEST_F(ChangedTraceTest, MissedEndIsFound) {
  trace_.terminated.back() = true;
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_EQ(report.episode.flag_mismatches, 1);
  EXPECT_EQ(report.episode.first_flag_mismatch, report.num_steps);
}

TEST_F(ChangedTraceTest, OptionsOfTheTraceAreHonoured) {
  trace_.options.clear();  // the hopper falls early, and by default that ends the episode
  const ReplayReport report = ReplayTrace(trace_);
  EXPECT_FALSE(report.passed);
  EXPECT_LT(report.episode.first_flag_mismatch, 20);
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
  changed.actions[5] = std::vector<float>(4);
  EXPECT_EQ(MessageOf<IoError>([&] { ReplayTrace(changed); }),
            "x.json: actions[5] has 4 entries; allowed is 3");
  changed = trace_;
  changed.actions[5] = std::int64_t{2};
  EXPECT_EQ(MessageOf<IoError>([&] { ReplayTrace(changed); }),
            "x.json: actions[5] = 2; allowed is a list of 3 numbers");
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
