#include "runners/collector.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "agents/registry.h"
#include "core/error.h"
#include "runners/run_env.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using agents::ActMode;

// Two DDPG learners on a pendulum, which learn after each step.
class Population {
 public:
  explicit Population(CollectorOptions options)
      : envs_([] { return MakeRunEnv({.id = "InvertedPendulum-v5"}); }, 2, 1) {
    envs_.Reset(std::vector<std::uint64_t>{1, 2});
    agents::AgentConfig config;
    config.ddpg.hidden = {8};
    config.ddpg.batch_size = 16;
    config.ddpg.normalize_observations = true;
    agent_ = agents::MakeAgent(
        config,
        {.observation_size = 4, .action_size = 1, .member_seeds = {1, 2}, .replay_capacity = 1000});
    collector_.emplace(*agent_, envs_, options);
  }

  void Step() {
    const auto learn = [&] {
      if (agent_->UpdateDue()) agent_->Update();
    };
    if (collector_->overlaps()) {
      collector_->CollectBeside(ActMode::kExplore, ActMode::kExplore, learn);
    } else {
      collector_->Collect(ActMode::kExplore);
      learn();
    }
  }

  at::Tensor Parameters() { return agent_->policy().parameters().clone(); }

  void Save(const std::filesystem::path& path) const {
    core::ArchiveWriter writer;
    agent_->Save(writer);
    collector_->Save(writer);
    writer.Write(path);
  }
  void Load(const std::filesystem::path& path) {
    const core::ArchiveReader reader(path);
    agent_->Load(reader);
    collector_->Load(reader);
  }
  agents::Agent& agent() { return *agent_; }

 private:
  LearnerEnvs envs_;
  std::unique_ptr<agents::Agent> agent_;
  std::optional<Collector> collector_;
};

constexpr CollectorOptions kOverlap = {.overlap = true, .own_thread = false};
constexpr CollectorOptions kOverlapOnAThread = {.overlap = true, .own_thread = true};

TEST(CollectorTest, AThreadOfItsOwnChangesNoNumber) {
  Population one(kOverlap), two(kOverlapOnAThread);
  for (int i = 0; i < 200; ++i) {
    one.Step();
    two.Step();
  }
  EXPECT_TRUE(one.Parameters().equal(two.Parameters()));
}

TEST(CollectorTest, AnOverlappingStepActsByThePolicyOfBeforeTheUpdate) {
  Population strict({}), lagging(kOverlap);
  for (int i = 0; i < 50; ++i) {
    strict.Step();
    lagging.Step();
  }
  EXPECT_EQ(lagging.agent().replay().size(), strict.agent().replay().size());
  EXPECT_FALSE(strict.Parameters().equal(lagging.Parameters()));
}

TEST(CollectorTest, GoesOnBitForBitAfterLoading) {
  const support::TempFolder folder;
  for (const CollectorOptions options : {CollectorOptions{}, kOverlap, kOverlapOnAThread}) {
    Population whole(options), other(options);
    for (int i = 0; i < 60; ++i) {
      whole.Step();
      if (i == 29) whole.Save(folder / "a");
    }
    other.Step();
    other.Load(folder / "a");
    for (int i = 30; i < 60; ++i) other.Step();
    EXPECT_TRUE(whole.Parameters().equal(other.Parameters()));
  }
}

TEST(CollectorTest, TheOtherWayToCollectIsRefused) {
  const support::TempFolder folder;
  Population strict({});
  strict.Step();
  strict.Save(folder / "a");
  Population lagging(kOverlap);
  const std::string error = support::MessageOf<IoError>([&] { lagging.Load(folder / "a"); });
  EXPECT_TRUE(error.ends_with("a: is of a run with training.overlap = false; allowed is the same"))
      << error;
}

TEST(CollectorTest, WhatTheUpdateThrowsArrives) {
  LearnerEnvs envs([] { return MakeRunEnv({.id = "InvertedPendulum-v5"}); }, 1, 1);
  envs.Reset(std::vector<std::uint64_t>{1});
  const auto agent = agents::MakeAgent(
      {}, {.observation_size = 4, .action_size = 1, .member_seeds = {1}, .replay_capacity = 10});
  Collector collector(*agent, envs, kOverlapOnAThread);
  EXPECT_THROW(collector.CollectBeside(ActMode::kExplore, ActMode::kExplore,
                                       [] { throw NonFiniteError("the loss"); }),
               NonFiniteError);
  EXPECT_EQ(agent->replay().size(), 0);
}

}  // namespace
}  // namespace duet::runners
