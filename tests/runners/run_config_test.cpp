#include "runners/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "runners/run_folder.h"
#include "runners/teacher.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;
using support::MessageOf;
using support::TempFolder;

RunConfig Load(const std::string& text) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a.toml", text);
  return LoadRunConfig(folder / "a.toml", {});
}

TEST(RunConfigTest, EverySettingsFileOfTheProjectIsAccepted) {
  int count = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(DUET_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".toml") continue;
    EXPECT_NO_THROW(LoadRunConfig(entry.path(), {})) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 5);
}

TEST(RunConfigTest, EffectiveSettingsReadBackTheSame) {
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(DUET_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".toml") continue;
    const std::string written = core::ToToml(LoadRunConfig(entry.path(), {}));
    EXPECT_EQ(core::ToToml(Load(written)), written) << entry.path();
  }
}

TEST(RunConfigTest, WithoutMethodsAllThreeAreCompared) {
  const RunConfig config = Load("");
  ASSERT_EQ(config.methods.size(), 3U);
  EXPECT_EQ(config.name, "a");
  EXPECT_EQ(config.methods[0].kind, MethodKind::kAlone);
  EXPECT_EQ(config.methods[1].kind, MethodKind::kTeacher);
  EXPECT_EQ(config.methods[1].distill.weight.kind, distill::WeightKind::kUniform);
  EXPECT_EQ(config.methods[2].kind, MethodKind::kDual);
  EXPECT_EQ(config.methods[2].distill.weight.kind, distill::WeightKind::kExponential);
}

TEST(RunConfigTest, ATeacherIsCountedInTheBudget) {
  RunConfig config;
  config.training.env_steps_total = 1000;
  config.env.per_learner = 7;
  EXPECT_EQ(TeacherEnvSteps(config, {.share = 0.5}), 497);
  EXPECT_EQ(
      TeacherEnvSteps(
          config, {.source = TeacherSource::kTeacherRollouts, .share = 0.5, .rollout_steps = 100}),
      597);
  EXPECT_EQ(TeacherEnvSteps(config, {.run = "elsewhere"}), 0);
}

// A policy file of InvertedPendulum whose settings tell of other layers than it holds.
TEST(TeacherTest, LayersOfAnotherSizeThanTheFileSaysAreNamed) {
  const TempFolder folder;
  agents::AgentConfig agent;
  agent.ddpg.hidden = {16};
  const agents::AgentSpec spec{.observation_size = 4, .action_size = 1, .member_seeds = {1}};
  PolicyFacts facts{
      .env_id = "InvertedPendulum-v5", .observation_size = 4, .action_size = 1, .seeds = {0}};
  facts.agent.ddpg.hidden = {8};
  const fs::path policy = folder / "policy.safetensors";
  SavePolicyFile(policy, *agents::MakeAgent(agent, spec), facts);
  RunConfig config;
  config.methods = {{.name = "teacher",
                     .kind = MethodKind::kTeacher,
                     .teacher = {.run = folder.path().string()},
                     .distill = {}}};
  EXPECT_EQ(MessageOf<IoError>([&] { CheckTeachers(config); }),
            policy.string() + ": \"actor.0.weight\" is a layer of 4 -> 16; this run needs 4 -> 8");
}

}  // namespace
}  // namespace duet::runners
