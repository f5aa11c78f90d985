#include "envs/mujoco/mjcf_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/numpy_random.h"
#include "envs/mujoco/model.h"
#include "envs/registry.h"
#include "envs/time_limit.h"
#include "tests/envs/throws.h"
#include "tests/support/temp_folder.h"

namespace duet::envs {
namespace {

using support::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A mass on a rail with a motor, a free ball, and two sensors.
constexpr char kCart[] = R"(<mujoco>
  <option timestep="0.01" gravity="0 0 0"/>
  <worldbody>
    <body><joint name="rail" type="slide" axis="1 0 0"/><geom size="0.1" mass="2"/></body>
    <body pos="0 5 0"><freejoint name="ball"/><geom size="0.1"/></body>
  </worldbody>
  <actuator><motor name="push" joint="rail" ctrlrange="-2 3" ctrllimited="true"/></actuator>
  <sensor><jointvel name="speed" joint="rail"/><framepos name="place" objtype="body" objname="world"/></sensor>
</mujoco>)";

class MjcfEnvTest : public ::testing::Test {
 protected:
  std::string Id(const std::string& text = kCart, const std::string& name = "cart.xml") {
    core::WriteFileAtomically(folder_ / name, text);
    return "mjcf:" + (folder_ / name).string();
  }
  std::string File(const std::string& name = "cart.xml") { return (folder_ / name).string(); }

  // Key and message of the error of a task on the cart.
  std::string ErrorOf(const MjcfTask& task, const std::string& text = kCart) {
    try {
      MakeMjcfEnv(Id(text), task);
    } catch (const MjcfTaskError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.key() + ": " + error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  TempFolder folder_;
};

std::vector<double> Reset(Env& env, std::uint64_t seed) {
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size));
  env.Reset(seed, observation);
  return observation;
}

// The same observations, rewards and ends from both, over whole episodes with the same actions.
void ExpectSameEpisodes(Env& one, Env& other, int num_steps) {
  ASSERT_EQ(one.spec().observation_size, other.spec().observation_size);
  ASSERT_EQ(one.spec().action_low, other.spec().action_low);
  ASSERT_EQ(one.spec().action_high, other.spec().action_high);
  EXPECT_EQ(one.spec().step_seconds, other.spec().step_seconds);
  core::NumpyRng actions(3);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    std::vector<double> seen = Reset(one, seed);
    std::vector<double> expected = Reset(other, seed);
    ASSERT_EQ(seen, expected);
    for (int step = 0; step < num_steps; ++step) {
      std::vector<float> action;
      for (std::size_t i = 0; i < one.spec().action_low.size(); ++i) {
        action.push_back(static_cast<float>(
            actions.Uniform(1.2 * one.spec().action_low[i], 1.2 * one.spec().action_high[i])));
      }
      const StepResult result = one.Step(std::span<const float>(action), seen);
      const StepResult wanted = other.Step(std::span<const float>(action), expected);
      ASSERT_EQ(seen, expected) << "seed " << seed << " step " << step;
      ASSERT_EQ(result.reward, wanted.reward) << "seed " << seed << " step " << step;
      ASSERT_EQ(result.terminated, wanted.terminated) << "seed " << seed << " step " << step;
      ASSERT_EQ(result.truncated, wanted.truncated);
      if (wanted.terminated || wanted.truncated) break;
    }
  }
}

std::string AssetId(const char* name) {
  return std::string("mjcf:") + DUET_SOURCE_DIR + "/envs/mujoco/assets/" + name + ".xml";
}

TEST_F(MjcfEnvTest, InvertedPendulumInSettingsIsTheBuiltInOne) {
  const MjcfTask task = {.frame_skip = 2,
                         .reset_noise_scale = 0.01,
                         .reward = {{.weight = 1.0, .how = RewardKind::kAlive}},
                         .termination = {{.signal = "qpos:hinge", .range = {-0.2, 0.2}}}};
  TimeLimit env(MakeMjcfEnv(AssetId("inverted_pendulum"), task), 1000);
  ExpectSameEpisodes(env, *MakeEnv("InvertedPendulum-v5"), 1000);
}

TEST_F(MjcfEnvTest, HalfCheetahInSettingsIsTheBuiltInOne) {
  const MjcfTask task = {
      .frame_skip = 5,
      .total_mass = 14.0,
      .reset_noise_scale = 0.1,
      .reset_velocity_noise = NoiseKind::kNormal,
      .observation = {"qpos[1:]", "qvel"},
      .reward = {{.signal = "rate:qpos:rootx", .weight = 1.0},
                 {.signal = "ctrl", .weight = -0.1, .how = RewardKind::kSquared}}};
  TimeLimit env(MakeMjcfEnv(AssetId("half_cheetah"), task), 1000);
  ExpectSameEpisodes(env, *MakeEnv("HalfCheetah-v5"), 1000);
}

TEST_F(MjcfEnvTest, HopperInSettingsIsTheBuiltInOne) {
  const MjcfTask task = {
      .frame_skip = 4,
      .reset_noise_scale = 5e-3,
      .observation = {"qpos[1:]", "clip(qvel, -10, 10)"},
      .reward = {{.signal = "rate:qpos[0]", .weight = 1.0},
                 {.weight = 1.0, .how = RewardKind::kAlive},
                 {.signal = "ctrl", .weight = -1e-3, .how = RewardKind::kSquared}},
      .termination = {{.signal = "qpos[1]", .range = {0.7, kInfinity}},
                      {.signal = "qpos[2]", .range = {-0.2, 0.2}},
                      {.signal = "qpos[2:]", .range = {-100.0, 100.0}},
                      {.signal = "qvel", .range = {-100.0, 100.0}}}};
  TimeLimit env(MakeMjcfEnv(AssetId("hopper"), task), 1000);
  ExpectSameEpisodes(env, *MakeEnv("Hopper-v5"), 1000);
}

TEST_F(MjcfEnvTest, EverySignalIsWhatItSays) {
  const MjcfTask task = {
      .reset_noise_scale = 0.5,
      .observation = {"qpos", "qvel", "time", "ctrl", "qpos:rail", "qpos:ball", "qvel:ball",
                      "sensor:speed", "sensor:place", "qpos[-1]", "qpos[1:3]", "qvel[:2]",
                      "rate:qpos:rail", "rate:time", "clip(qvel:rail, -0.001, 0.001)"}};
  const auto env = MakeMjcfEnv(Id(), task);
  std::vector<double> o = Reset(*env, 1);
  ASSERT_EQ(o.size(), 8U + 7 + 1 + 1 + 1 + 7 + 6 + 1 + 3 + 1 + 2 + 2 + 1 + 1 + 1);
  EXPECT_EQ(o[o.size() - 3], 0.0);  // rates right after a reset
  EXPECT_EQ(o[o.size() - 2], 0.0);
  const double position = o[0], velocity = o[8];
  const std::array<float, 1> action = {3.0F};
  env->Step(std::span<const float>(action), o);
  EXPECT_NEAR(o[8], velocity + 3.0 / 2.0 * 0.01, 1e-12);  // 3 N on 2 kg for 0.01 s
  EXPECT_NEAR(o[0], position + 0.01 * o[8], 1e-12);
  EXPECT_EQ(o[15], 0.01);
  EXPECT_EQ(o[16], 3.0);
  EXPECT_EQ(o[17], o[0]);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(o[18 + i], o[1 + i]);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(o[25 + i], o[9 + i]);
  EXPECT_EQ(o[31], velocity);  // sensors measure at the start of the physics step
  EXPECT_EQ(o[35], o[7]);
  EXPECT_EQ(o[36], o[1]);
  EXPECT_EQ(o[37], o[2]);
  EXPECT_EQ(o[38], o[8]);
  EXPECT_EQ(o[39], o[9]);
  EXPECT_NEAR(o[40], o[8], 1e-9);
  EXPECT_NEAR(o[41], 1.0, 1e-12);
  EXPECT_EQ(std::abs(o[42]), 0.001);
}

// The reward of one step of 0.01 s from rest at 0 with no force, with the rail at 0.
double RewardOf(const std::string& id, RewardTerm term) {
  const auto env = MakeMjcfEnv(id, {.reset_noise_scale = 0.0, .reward = {std::move(term)}});
  std::vector<double> o = Reset(*env, 1);
  const std::array<float, 1> action = {2.0F};
  return env->Step(std::span<const float>(action), o).reward;
}

TEST_F(MjcfEnvTest, EveryKindOfReward) {
  const std::string id = Id();
  const double x = 1e-4;  // 2 N on 2 kg for 0.01 s, then for 0.01 s at that velocity
  const double v = 0.01;
  const auto reward = [&](RewardTerm term) { return RewardOf(id, std::move(term)); };
  EXPECT_NEAR(reward({.signal = "qvel:rail", .weight = 2.0}), 2.0 * v, 1e-12);
  EXPECT_NEAR(reward({.signal = "qvel:rail", .weight = 2.0, .target = 1.0}), 2.0 * (v - 1.0),
              1e-12);
  EXPECT_NEAR(
      reward({.signal = "qpos[:2]", .weight = -1.0, .how = RewardKind::kSquared, .target = 3}),
      -(std::pow(x - 3.0, 2) + 9.0), 1e-12);
  EXPECT_NEAR(reward({.signal = "qpos[:2]", .how = RewardKind::kAbsolute, .target = 3}),
              3.0 - x + 3.0, 1e-12);
  EXPECT_NEAR(reward({.signal = "qpos[:2]", .how = RewardKind::kNorm, .target = 3}),
              std::hypot(x - 3.0, 3.0), 1e-12);
  EXPECT_EQ(
      reward({.signal = "qvel:rail", .weight = 5, .how = RewardKind::kInside, .range = {0, 1}}),
      5.0);
  EXPECT_EQ(
      reward({.signal = "qvel:rail", .weight = 5, .how = RewardKind::kInside, .range = {1, 2}}),
      0.0);
  EXPECT_EQ(reward({.weight = 0.25, .how = RewardKind::kConstant}), 0.25);
  EXPECT_EQ(reward({.weight = 0.25, .how = RewardKind::kAlive}), 0.25);
  EXPECT_EQ(reward({.signal = "ctrl", .weight = -0.5, .how = RewardKind::kSquared}), -2.0);
  EXPECT_NEAR(reward({.signal = "rate:time"}), 1.0, 1e-12);
}

TEST_F(MjcfEnvTest, TermsAddUpAndAnEndTakesTheBonusForLiving) {
  const auto env =
      MakeMjcfEnv(Id(), {.reset_noise_scale = 0.0,
                         .reward = {{.weight = 1.0, .how = RewardKind::kConstant},
                                    {.weight = 10.0, .how = RewardKind::kAlive}},
                         .termination = {{.signal = "time", .range = {-kInfinity, 0.015}}}});
  std::vector<double> o = Reset(*env, 1);
  const std::array<float, 1> action = {0.0F};
  const StepResult first = env->Step(std::span<const float>(action), o);
  const StepResult second = env->Step(std::span<const float>(action), o);
  EXPECT_EQ(first.reward, 11.0);
  EXPECT_FALSE(first.terminated);
  EXPECT_EQ(second.reward, 1.0);
  EXPECT_TRUE(second.terminated);
}

TEST_F(MjcfEnvTest, ASavedStateContinuesBitForBitWithItsRates) {
  const MjcfTask task = {.observation = {"qpos", "qvel", "sensor:speed", "rate:sensor:speed"},
                         .reward = {{.signal = "rate:sensor:speed"}}};
  const auto env = MakeMjcfEnv(Id(), task);
  const auto other = MakeMjcfEnv(Id(), task);
  std::vector<double> o = Reset(*env, 4);
  std::vector<double> p = o;
  const std::array<float, 1> action = {1.5F};
  for (int i = 0; i < 3; ++i) env->Step(std::span<const float>(action), o);
  other->LoadState(env->SaveState());
  for (int i = 0; i < 3; ++i) {
    const StepResult one = env->Step(std::span<const float>(action), o);
    const StepResult two = other->Step(std::span<const float>(action), p);
    EXPECT_EQ(o, p);
    EXPECT_EQ(one.reward, two.reward);
    EXPECT_NE(one.reward, 0.0);
  }
}

TEST_F(MjcfEnvTest, AModelIsCompiledOncePerFile) {
  Id();
  EXPECT_EQ(SharedModelOfFile(folder_ / "cart.xml").get(),
            SharedModelOfFile(folder_.path() / "." / "cart.xml").get());
  EXPECT_NE(SharedModelOfFile(folder_ / "cart.xml").get(),
            SharedModelOfFile(folder_ / "cart.xml", 7.0).get());
}

TEST_F(MjcfEnvTest, WhatAModelIncludesIsFoundBesideIt) {
  core::CreateFolder(folder_ / "parts");
  core::WriteFileAtomically(folder_ / "parts/tetra.obj",
                            "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
                            "f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n");
  core::WriteFileAtomically(
      folder_ / "parts/arm.xml",
      R"(<mujoco><worldbody><body><joint name="j"/><geom type="mesh" mesh="tetra"/></body></worldbody></mujoco>)");
  const auto env = MakeMjcfEnv(
      Id(R"(<mujoco><asset><mesh name="tetra" file="parts/tetra.obj"/></asset><include file="parts/arm.xml"/>
         <actuator><motor joint="j" ctrlrange="-1 1" ctrllimited="true"/></actuator></mujoco>)"),
      {});
  EXPECT_EQ(env->spec().observation_size, 2);
}

TEST_F(MjcfEnvTest, AModelThatCannotBeUsedIsOneLine) {
  EXPECT_EQ(MessageOf<IoError>([&] { MakeMjcfEnv("mjcf:" + File("none.xml"), {}); }),
            File("none.xml") + ": cannot read: No such file or directory");
  EXPECT_THAT(ErrorOf({}, "<mujoco><worldbody>"),
              HasSubstr(": " + File() + ": MuJoCo: XML parse error"));
}

TEST_F(MjcfEnvTest, AnUnknownElementIsNamedWithItsLine) {
  EXPECT_THAT(ErrorOf({}, "<mujoco>\n<wordlbody/>\n</mujoco>"),
              ::testing::AllOf(HasSubstr("wordlbody"), HasSubstr("line 2")));
}

TEST_F(MjcfEnvTest, AModelThatDoesNotCompileIsNamed) {
  EXPECT_THAT(ErrorOf({}, "<mujoco><worldbody><body><joint/></body></worldbody></mujoco>"),
              HasSubstr(File() + ": MuJoCo: Error: mass and inertia of moving bodies"));
}

TEST_F(MjcfEnvTest, AModelWithoutActuatorsIsRefused) {
  EXPECT_EQ(
      ErrorOf({}, "<mujoco><worldbody><body><joint/><geom size='1'/></body></worldbody></mujoco>"),
      ": the model has no actuator; allowed is one with at least one");
}

TEST_F(MjcfEnvTest, AnActuatorWithoutARangeNeedsOne) {
  const std::string text =
      R"(<mujoco><worldbody><body><joint name="j"/><geom size="1"/></body></worldbody>
      <actuator><motor name="m" joint="j"/></actuator></mujoco>)";
  EXPECT_EQ(
      ErrorOf({}, text),
      "action_range: actuator 0 \"m\" has no ctrlrange in the model; allowed is one there, or "
      "action_range = [low, high] for all such");
  const auto env = MakeMjcfEnv(Id(text), {.action_range = {-0.5, 2.0}});
  EXPECT_THAT(env->spec().action_low, ElementsAre(-0.5F));
  EXPECT_THAT(env->spec().action_high, ElementsAre(2.0F));
}

TEST_F(MjcfEnvTest, SignalsThatTheModelDoesNotHaveAreNamedWithTheKnownOnes) {
  const auto observing = [&](const char* signal) {
    return ErrorOf({.observation = {"time", signal}});
  };
  EXPECT_EQ(observing("qpos:rial"),
            "observation.1: \"qpos:rial\" names no joint; the model's joints are rail, ball");
  EXPECT_EQ(
      observing("sensor:touch"),
      "observation.1: \"sensor:touch\" names no sensor; the model's sensors are speed, place");
  EXPECT_EQ(observing("qpos[8]"),
            "observation.1: \"qpos[8]\" is out of range or empty; there are 8 numbers, from 0");
  EXPECT_THAT(observing("qpos[3:3]"), HasSubstr("is out of range or empty"));
  EXPECT_THAT(observing("qpos[-9]"), HasSubstr("is out of range or empty"));
  EXPECT_THAT(observing("qpos[x]"), HasSubstr("has an index that is no whole number"));
  EXPECT_THAT(observing("qpos[]"), HasSubstr("has no index between [ and ]"));
  EXPECT_THAT(observing("qpos[1"), HasSubstr("has a [ without a ] at its end"));
  EXPECT_THAT(observing("pos"),
              HasSubstr("\"pos\" is no signal; allowed are qpos, qvel, ctrl, time"));
  EXPECT_THAT(observing("body:rail"), HasSubstr("is no signal; allowed are"));
  EXPECT_THAT(observing(""), HasSubstr("is no signal; allowed are"));
  EXPECT_THAT(observing("clip(qvel, 1)"), HasSubstr("is not of the form clip(signal, low, high)"));
  EXPECT_THAT(observing("clip(qvel, 2, 1)"), HasSubstr("needs two numbers low <= high"));
}

TEST_F(MjcfEnvTest, EachMistakeIsFoundWhereItStands) {
  EXPECT_EQ(ErrorOf({.observation = {}}),
            "observation: nothing is observed; allowed is a list of signals, as in [\"qpos\", "
            "\"qvel\"]");
  EXPECT_EQ(ErrorOf({.reward = {{.signal = "time"}, {.weight = 2.0}}}),
            "reward.1.signal: is missing; allowed is a signal, as in \"qpos[0]\"");
  EXPECT_EQ(ErrorOf({.reward = {{.signal = "time", .how = RewardKind::kAlive}}}),
            "reward.0.signal: has no use here; how = \"constant\" and \"alive\" take no signal");
  EXPECT_THAT(ErrorOf({.reward = {{.signal = "speed"}}}),
              ::testing::StartsWith("reward.0.signal: "));
  EXPECT_EQ(ErrorOf({.termination = {{}}}),
            "termination.0.signal: is missing; allowed is a signal, as in \"qpos[0]\"");
  EXPECT_THAT(ErrorOf({.termination = {{.signal = "qpos:x"}}}),
              ::testing::StartsWith("termination.0.signal: \"qpos:x\" names no joint"));
}

TEST_F(MjcfEnvTest, TheTableMakesTheDefaultTask) {
  const auto env = MakeEnv(Id());
  EXPECT_EQ(env->spec().observation_size, 15);
  EXPECT_EQ(env->spec().max_episode_steps, 1000);
  EXPECT_THAT(env->spec().action_low, ElementsAre(-2.0F));
  EXPECT_THAT(DescribeEnv(Id()).engine, ::testing::StartsWith("MuJoCo"));
  EXPECT_TRUE(DescribeOptions(Id()).empty());
  EXPECT_THAT(MessageOf<ConfigError>([&] {
                MakeEnv(Id(), {{"x", 1.0}});
              }),
              HasSubstr("unknown option x = 1; known are none"));
}

}  // namespace
}  // namespace duet::envs
