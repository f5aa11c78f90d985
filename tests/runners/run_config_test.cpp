#include "runners/config.h"

#include <gmock/gmock.h>
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
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

RunConfig Load(const std::string& text) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a.toml", text);
  return LoadRunConfig(folder / "a.toml", {});
}

// The settings files of training runs; those of supervised tasks are of another kind.
std::vector<fs::path> SettingsFiles() {
  std::vector<fs::path> files;
  const fs::path configs = fs::path(DUET_SOURCE_DIR) / "configs";
  for (const auto& entry : fs::recursive_directory_iterator(configs)) {
    const bool supervised = *fs::relative(entry.path(), configs).begin() == "distill";
    if (entry.path().extension() == ".toml" && !supervised) files.push_back(entry.path());
  }
  return files;
}

TEST(RunConfigTest, EverySettingsFileOfTheProjectIsAccepted) {
  const std::vector<fs::path> files = SettingsFiles();
  for (const fs::path& file : files) EXPECT_NO_THROW(LoadRunConfig(file, {})) << file;
  EXPECT_GE(files.size(), 5U);
}

TEST(RunConfigTest, EffectiveSettingsReadBackTheSame) {
  for (const fs::path& file : SettingsFiles()) {
    const std::string written = core::ToToml(LoadRunConfig(file, {}));
    EXPECT_EQ(core::ToToml(Load(written)), written) << file;
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

std::string Refused(const std::string& text) {
  return MessageOf<ConfigError>([&] { Load(text); });
}

TEST(RunConfigTest, OptionsOfTheTaskAreRead) {
  const RunConfig config = Load(R"(
[env]
id = "Hopper-v5"
max_episode_steps = 70
[env.options]
healthy_z_range = [0.5, inf]
terminate_when_unhealthy = false
healthy_reward = 2
[env.wrappers]
frame_stack = 3
)");
  EXPECT_EQ(config.env.options, (envs::EnvOptions{{"healthy_z_range", envs::Interval{.low = 0.5}},
                                                  {"terminate_when_unhealthy", false},
                                                  {"healthy_reward", 2.0}}));
  EXPECT_EQ(config.env.wrappers, WrapperConfig{.frame_stack = 3});
  const auto env = MakeRunEnv(config.env);
  EXPECT_EQ(env->spec().max_episode_steps, 70);
  EXPECT_EQ(env->spec().observation_size, 33);
  const std::string written = core::ToToml(config);
  EXPECT_EQ(core::ToToml(Load(written)), written);
  EXPECT_THAT(written, HasSubstr("[env.options]\nhealthy_reward = 2.0\n"
                                 "healthy_z_range = [0.5, inf]\n"));
}

TEST(RunConfigTest, OptionsOfTheTaskCanBeSetFromTheCommandLine) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a.toml", "[env]\nid = \"Ant-v5\"\n");
  const std::vector<std::string> overrides = {"env.options.healthy_reward=2",
                                              "env.options.healthy_z_range=[-inf,2]"};
  const RunConfig config = LoadRunConfig(folder / "a.toml", overrides);
  EXPECT_EQ(config.env.options, (envs::EnvOptions{{"healthy_reward", 2.0},
                                                  {"healthy_z_range", envs::Interval{.high = 2}}}));
  const std::vector<std::string> wrong = {"env.options.healthy_rewrad=2"};
  EXPECT_THAT(MessageOf<ConfigError>([&] { LoadRunConfig(folder / "a.toml", wrong); }),
              StartsWith("--set env.options.healthy_rewrad: Ant-v5: unknown option"));
}

TEST(RunConfigTest, OptionsThatTheTaskDoesNotAllowAreOneLineWithFileAndKey) {
  const std::string hopper = "[env]\nid = \"Hopper-v5\"\n[env.options]\n";
  EXPECT_THAT(
      Refused(hopper + "gravity = 1"),
      AllOf(HasSubstr("a.toml:4: env.options.gravity: Hopper-v5: unknown option gravity = 1; "
                      "known are "),
            HasSubstr("healthy_reward")));
  EXPECT_THAT(Refused(hopper + "healthy_reward = \"x\""),
              HasSubstr("a.toml:4: env.options.healthy_reward: Hopper-v5: option healthy_reward = "
                        "\"x\"; allowed is a finite number"));
  EXPECT_THAT(Refused(hopper + "reset_noise_scale = -1"), HasSubstr("allowed is"));
  EXPECT_THAT(Refused(hopper + "healthy_z_range = [2, 1]"),
              HasSubstr("a.toml:4: env.options.healthy_z_range = [ 2, 1 ]"));
  EXPECT_THAT(Refused("[env.wrappers]\nframe_stack = 0"),
              HasSubstr("a.toml:2: env.wrappers.frame_stack = 0 is outside [1, 1000]"));
}

TEST(RunConfigTest, AnAgentMustBeAbleToActInTheTask) {
  EXPECT_THAT(Refused("[env]\nid = \"CartPole-v1\"\n[agent]\nalgorithm = \"ddpg\""),
              HasSubstr("a.toml:4: agent.algorithm = \"ddpg\" cannot act in CartPole-v1, whose "
                        "actions are discrete; allowed is"));
  EXPECT_THAT(Refused("[env]\nid = \"LunarLander-v3\""),
              AllOf(HasSubstr("agent.algorithm = \"ddpg\" cannot act in LunarLander-v3"),
                    HasSubstr(", or env.options.continuous = true")));
  EXPECT_NO_THROW(Load("[env]\nid = \"LunarLander-v3\"\noptions.continuous = true"));
}

TEST(RunConfigTest, NoiseOnDiscreteActionsIsRefused) {
  EXPECT_THAT(Refused("[env]\nid = \"CartPole-v1\"\nwrappers.action_noise = 0.1"),
              HasSubstr("a.toml:3: env.wrappers.action_noise = 0.1: CartPole-v1 has discrete "
                        "actions, to which no noise can be added; allowed is 0"));
}

// A mass on a rail, beside the settings file.
constexpr char kRail[] = R"(<mujoco><worldbody><body>
<joint name="rail" type="slide" axis="1 0 0"/><geom size="0.1"/></body></worldbody>
<actuator><motor joint="rail" ctrlrange="-1 1"/></actuator></mujoco>)";

RunConfig LoadRail(const TempFolder& folder, const std::string& text) {
  core::WriteFileAtomically(folder / "rail.xml", kRail);
  core::WriteFileAtomically(folder / "a.toml", "[env]\nid = \"mjcf:rail.xml\"\n" + text);
  return LoadRunConfig(folder / "a.toml", {});
}

TEST(RunConfigTest, ATaskOfOnesOwnIsReadAndWrittenBack) {
  const TempFolder folder;
  const RunConfig config = LoadRail(folder, R"([env.task]
frame_skip = 4
observation = ["qvel:rail"]
[[env.task.reward]]
signal = "qpos:rail"
how = "inside"
range = [1, inf]
[[env.task.termination]]
signal = "time"
range = [0, 3]
)");
  EXPECT_EQ(config.env.id, "mjcf:" + (folder / "rail.xml").string());
  EXPECT_EQ(TaskId(config.env), "mjcf:rail.xml");
  EXPECT_EQ(config.env.task.frame_skip, 4);
  ASSERT_EQ(config.env.task.reward.size(), 1U);
  EXPECT_EQ(config.env.task.reward[0].range, envs::Interval{.low = 1.0});
  EXPECT_EQ(MakeRunEnv(config.env)->spec().observation_size, 1);
  const std::string written = core::ToToml(config);
  EXPECT_EQ(core::ToToml(Load(written)), written);
}

TEST(RunConfigTest, MistakesInATaskOfOnesOwnAreNamedWithFileAndKey) {
  const TempFolder folder;
  const auto refused = [&](const std::string& text) {
    return MessageOf<ConfigError>([&] { LoadRail(folder, text); });
  };
  EXPECT_THAT(refused("[env.task]\nobservation = [\"time\", \"qpos:rial\"]"),
              HasSubstr("a.toml:4: env.task.observation.1: \"qpos:rial\" names no joint; the "
                        "model's joints are rail"));
  EXPECT_THAT(refused("[[env.task.reward]]\nhow = \"linear\""),
              HasSubstr("a.toml:3: env.task.reward.0.signal: is missing"));
  EXPECT_THAT(refused("[[env.task.reward]]\nhow = \"cubic\""),
              HasSubstr("a.toml:4: env.task.reward.0.how = \"cubic\" is not one of"));
  EXPECT_THAT(refused("[env.options]\nx = 1"), HasSubstr("a.toml:4: env.options.x: mjcf:"));
  EXPECT_THAT(Refused("[env.task]\nframe_skip = 2"), HasSubstr("env.task is not a known key"));
  EXPECT_THAT(MessageOf<IoError>([] { Load("[env]\nid = \"mjcf:none.xml\""); }),
              AllOf(HasSubstr("a.toml:2: env.id: "),
                    HasSubstr("none.xml: cannot read: No such file or directory")));
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
  EXPECT_EQ(MessageOf<IoError>([&] { CheckLessons(config); }),
            policy.string() + ": \"actor.0.weight\" is a layer of 4 -> 16; this run needs 4 -> 8");
}

}  // namespace
}  // namespace duet::runners
