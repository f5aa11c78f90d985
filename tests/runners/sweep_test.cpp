#include "runners/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const Sweep& sweep) {
  std::vector<std::string> names;
  for (const RunPlan& plan : sweep.plans) names.push_back(plan.method.name);
  return names;
}

Sweep Load(const std::string& text, const std::vector<std::string>& overrides = {},
           const std::string& method = "") {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a.toml", text);
  return LoadSweep(folder / "a.toml", overrides, method);
}

TEST(SweepTest, EveryCombinationIsARunWithAllSeedsStacked) {
  const Sweep sweep = Load("seeds = [3, 4]\n[agent]\ngamma = [0.9, 0.98]\nhidden = [[8, 8], [16]]");
  EXPECT_EQ(sweep.name, "a");
  EXPECT_THAT(Names(sweep), ElementsAre("gamma=0.9,hidden=8x8", "gamma=0.9,hidden=16",
                                        "gamma=0.98,hidden=8x8", "gamma=0.98,hidden=16"));
  const RunConfig& last = sweep.plans[3].config;
  EXPECT_EQ(last.agent.ddpg.gamma, 0.98);
  EXPECT_THAT(last.agent.ddpg.hidden, ElementsAre(16));
  EXPECT_THAT(last.seeds, ElementsAre(3, 4));
  EXPECT_THAT(last.methods, testing::SizeIs(1));
}

TEST(SweepTest, AlgorithmsWithSettingsOfTheirOwnCanBeSwept) {
  const Sweep sweep = Load("[agent]\nalgorithm = [\"td3\", \"sac\"]\npolicy_delay = [2, 3]");
  EXPECT_THAT(Names(sweep),
              ElementsAre("algorithm=td3,policy_delay=2", "algorithm=td3,policy_delay=3",
                          "algorithm=sac,policy_delay=2", "algorithm=sac,policy_delay=3"));
  EXPECT_EQ(sweep.plans[2].config.agent.algorithm, agents::Algorithm::kSac);
}

TEST(SweepTest, SettingsReadAgainGiveTheSameSweep) {
  const Sweep sweep = Load("[agent]\ngamma = [0.9, 0.98]", {"agent.tau=[0.1, 0.01]"});
  EXPECT_EQ(Names(Load(sweep.settings)), Names(sweep));
  EXPECT_EQ(sweep.plans.size(), 4U);
}

TEST(SweepTest, AMethodOfTheFileIsSwept) {
  const std::string methods =
      "[[methods]]\nname = \"one\"\n[[methods]]\nname = \"pair\"\nkind = \"dual\"\n"
      "distill.weight.alpha = [1, 2]\n";
  const Sweep sweep = Load(methods, {}, "pair");
  EXPECT_THAT(Names(sweep), ElementsAre("alpha=1", "alpha=2"));
  EXPECT_EQ(sweep.plans[1].method.kind, MethodKind::kDual);
  EXPECT_EQ(sweep.plans[1].method.distill.weight.alpha, 2.0);
  EXPECT_EQ(MessageOf<ConfigError>([&] { Load(methods, {}, "none"); }),
            "--method none: there is no such method; allowed are one, pair");
}

TEST(SweepTest, WhatCannotBeSweptIsRefused) {
  const auto error = [](const std::string& text) {
    return MessageOf<ConfigError>([&] { Load(text); });
  };
  EXPECT_THAT(error("[agent]\ngamma = 0.9"), HasSubstr("no setting has several values"));
  EXPECT_THAT(error("[env]\nid = [\"Hopper-v5\", \"Ant-v5\"]"), HasSubstr("sweeps over tasks"));
  EXPECT_THAT(error("[agent]\ngamma = [0.9, 1.5]"), HasSubstr("agent.gamma = 1.5 is outside"));
  EXPECT_THAT(error("[agent]\ngamma = [0.9, 0.9]"),
              HasSubstr("two combinations are called gamma=0.9"));
}

}  // namespace
}  // namespace duet::runners
