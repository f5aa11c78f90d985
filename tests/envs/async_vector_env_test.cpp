#include "envs/async_vector_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "core/random.h"
#include "envs/registry.h"
#include "envs/vector_env.h"
#include "tests/envs/fake_env.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::uint64_t> Seeds(std::int64_t count) {
  std::vector<std::uint64_t> seeds(static_cast<std::size_t>(count));
  std::iota(seeds.begin(), seeds.end(), std::uint64_t{100});
  return seeds;
}

std::vector<std::int64_t> AllRows(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

// The actions of row `row` in its step `step`, whatever the others do.
struct Actions {
  Actions(const EnvSpec& spec, std::int64_t row, std::int64_t step) {
    core::Rng rng(core::SplitSeed(static_cast<std::uint64_t>(step), "action",
                                  static_cast<std::uint64_t>(row)));
    for (std::size_t j = 0; j < spec.action_low.size(); ++j) {
      box.push_back(static_cast<float>(rng.Uniform(spec.action_low[j], spec.action_high[j])));
    }
    if (spec.discrete()) index.push_back(rng.Index(spec.num_actions));
  }

  std::vector<float> box;
  std::vector<std::int64_t> index;
};

// Everything that a row holds, appended to its log.
template <typename Envs>
void Log(const Envs& env, std::int64_t row, std::vector<double>& log) {
  const auto i = static_cast<std::size_t>(row);
  const auto width = static_cast<std::size_t>(env.spec().observation_size);
  for (const auto rows : {env.observations(), env.final_observations()}) {
    const auto part = rows.subspan(i * width, width);
    log.insert(log.end(), part.begin(), part.end());
  }
  log.push_back(env.rewards()[i]);
  log.push_back(env.terminated()[i]);
  log.push_back(env.truncated()[i]);
}

using Logs = std::vector<std::vector<double>>;  // one per row

Logs PlayLockstep(VectorEnv& env, std::int64_t num_steps) {
  Logs logs(static_cast<std::size_t>(env.size()));
  for (std::int64_t step = 0; step < num_steps; ++step) {
    std::vector<float> box;
    std::vector<std::int64_t> index;
    for (std::int64_t row = 0; row < env.size(); ++row) {
      const Actions actions(env.spec(), row, step);
      box.insert(box.end(), actions.box.begin(), actions.box.end());
      index.insert(index.end(), actions.index.begin(), actions.index.end());
    }
    env.spec().discrete() ? env.Step(index) : env.Step(box);
    for (std::int64_t row = 0; row < env.size(); ++row) {
      Log(env, row, logs[static_cast<std::size_t>(row)]);
    }
  }
  return logs;
}

void SendOne(AsyncVectorEnv& env, std::int64_t row, std::int64_t step) {
  const Actions actions(env.spec(), row, step);
  const std::vector<std::int64_t> rows = {row};
  env.spec().discrete() ? env.Send(rows, actions.index) : env.Send(rows, actions.box);
}

// Each row goes on as soon as it is ready, until all have done `num_steps`.
Logs PlayAsync(AsyncVectorEnv& env, std::int64_t num_steps, std::int64_t ready) {
  Logs logs(static_cast<std::size_t>(env.size()));
  std::vector<std::int64_t> steps(logs.size());
  for (const std::int64_t row : AllRows(env.size())) SendOne(env, row, 0);
  while (env.num_under_way() > 0) {
    for (const std::int64_t row : env.Receive(std::min(ready, env.num_under_way()))) {
      const auto i = static_cast<std::size_t>(row);
      Log(env, row, logs[i]);
      if (++steps[i] < num_steps) SendOne(env, row, steps[i]);
    }
  }
  return logs;
}

TEST(AsyncVectorEnvTest, EveryRowIsThatOfLockstep) {
  for (const std::string& id : EnvIds()) {
    VectorEnv lockstep(id, 6, 1);
    lockstep.Reset(Seeds(6));
    const Logs expected = PlayLockstep(lockstep, 50);
    for (const std::int64_t num_threads : {1, 2, 4}) {
      for (const std::int64_t ready : {1, 4, 6}) {
        AsyncVectorEnv env(id, 6, num_threads);
        env.Reset(Seeds(6));
        EXPECT_EQ(PlayAsync(env, 50, ready), expected)
            << id << ", " << num_threads << " threads, " << ready << " ready";
      }
    }
  }
}

TEST(AsyncVectorEnvTest, EpisodesEndAndGoOnAsInLockstep) {
  const auto make = [] { return std::make_unique<FakeEnv>(FakeEnv::Plan{.episode_steps = 7}); };
  VectorEnv lockstep(make, 5, 1);
  lockstep.Reset(Seeds(5));
  const Logs expected = PlayLockstep(lockstep, 300);
  AsyncVectorEnv env(make, 5, 3);
  env.Reset(Seeds(5));
  EXPECT_EQ(PlayAsync(env, 300, 2), expected);
}

// A FakeEnv whose steps wait until the test lets them go on.
class GatedEnv : public FakeEnv {
 public:
  using FakeEnv::FakeEnv;
  std::shared_ptr<std::atomic<bool>> open = std::make_shared<std::atomic<bool>>(true);

  StepResult Step(ActionView action, std::span<double> observation) override {
    open->wait(false);
    return FakeEnv::Step(action, observation);
  }
};

TEST(AsyncVectorEnvTest, RowsAreReceivedWhileAnotherOneIsStillUnderWay) {
  std::vector<std::shared_ptr<std::atomic<bool>>> gates;
  AsyncVectorEnv env(
      [&] {
        auto gated = std::make_unique<GatedEnv>(FakeEnv::Plan{});
        gates.push_back(gated->open);
        return gated;
      },
      4, 2);
  env.Reset(Seeds(4));
  *gates[1] = false;
  env.Send(AllRows(4), std::vector<float>(4, 0.5F));
  for (int step = 1; step < 20; ++step) {
    const auto received = env.Receive(3);
    const std::vector<std::int64_t> rows(received.begin(), received.end());
    EXPECT_THAT(rows, UnorderedElementsAre(0, 2, 3));
    EXPECT_EQ(env.num_under_way(), 1);
    EXPECT_EQ(env.observations()[3 * 2], static_cast<float>(step));
    env.Send(rows, std::vector<float>(3, 0.5F));
  }
  *gates[1] = true;
  gates[1]->notify_all();
  EXPECT_EQ(env.Receive(4).size(), 4);
  EXPECT_EQ(env.num_under_way(), 0);
  EXPECT_EQ(env.observations()[3 * 1], 1.0F);
}

// Rows 1 and 3 of 4 fail in their second step.
AsyncVectorEnv FailingRows(std::int64_t num_threads) {
  int made = 0;
  return AsyncVectorEnv(
      [&] {
        FakeEnv::Plan plan;
        if (made % 2 == 1) plan.failing_step = 2;
        ++made;
        return std::make_unique<FakeEnv>(plan);
      },
      4, num_threads);
}

TEST(AsyncVectorEnvTest, AnErrorNamesItsRowAndLeavesTheOthersUsable) {
  for (const std::int64_t num_threads : {1, 2, 4}) {
    AsyncVectorEnv env = FailingRows(num_threads);
    env.Reset(Seeds(4));
    const std::vector<float> actions(4, 0.0F);
    env.Send(AllRows(4), actions);
    env.Receive(4);
    env.Send(AllRows(4), actions);
    std::vector<std::int64_t> failed;
    while (failed.size() < 2) {
      try {
        env.Receive(env.num_under_way());
        FAIL() << "no error";
      } catch (const RowError& error) {
        failed.push_back(error.row());
        EXPECT_EQ(error.what(), "environment " + std::to_string(error.row()) + ": out of order");
      }
    }
    EXPECT_THAT(failed, UnorderedElementsAre(1, 3));
    EXPECT_EQ(env.num_under_way(), 2);
    const auto rest = env.Receive(2);
    EXPECT_THAT(std::vector(rest.begin(), rest.end()), UnorderedElementsAre(0, 2));
    const std::vector<std::int64_t> usable = {0, 2};
    env.Send(usable, std::vector<float>(2, 0.0F));
    env.Receive(2);
    EXPECT_EQ(env.observations()[3 * 2], 3.0F);
    EXPECT_EQ(MessageOf<std::logic_error>([&] { env.Send(AllRows(4), actions); }),
              "row 1 failed and was not reset since");
    EXPECT_THAT(MessageOf<std::logic_error>([&] { env.SaveState(); }), HasSubstr("has failed"));
  }
}

TEST(AsyncVectorEnvTest, AFailedRowIsResetAlone) {
  AsyncVectorEnv env = FailingRows(2);
  env.Reset(Seeds(4));
  const std::vector<std::int64_t> row = {1};
  const std::vector<float> action = {0.25F};
  env.Send(row, action);
  env.Receive(1);
  env.Send(row, action);
  EXPECT_THROW(env.Receive(1), RowError);
  env.SendReset(row, Seeds(1));
  EXPECT_THAT(env.Receive(1), ElementsAre(1));
  EXPECT_EQ(env.observations()[3 * 1], 0.0F);
  EXPECT_EQ(env.rewards()[1], 0.0);
  env.Send(row, action);
  env.Receive(1);
  EXPECT_EQ(env.rewards()[1], 0.25);
  env.SaveState();
}

TEST(AsyncVectorEnvTest, ResetForgetsWhatIsUnderWay) {
  AsyncVectorEnv env = FailingRows(2);
  for (int i = 0; i < 20; ++i) {
    env.Reset(Seeds(4));
    EXPECT_EQ(env.num_under_way(), 0);
    EXPECT_EQ(env.observations()[3 * 3], 0.0F);
    env.Send(AllRows(4), std::vector<float>(4, 0.0F));
    env.Receive(1 + i % 4);
  }
}

TEST(AsyncVectorEnvTest, StatesAreThoseOfLockstep) {
  VectorEnv lockstep("Hopper-v5", 4, 1);
  lockstep.Reset(Seeds(4));
  AsyncVectorEnv env("Hopper-v5", 4, 2);
  env.Reset(Seeds(4));
  PlayLockstep(lockstep, 30);
  PlayAsync(env, 30, 2);
  const std::string state = env.SaveState();
  EXPECT_EQ(state, lockstep.SaveState());
  const Logs expected = PlayAsync(env, 30, 2);
  env.Send(AllRows(4), std::vector<float>(12, 0.0F));
  env.LoadState(state);
  EXPECT_EQ(PlayAsync(env, 30, 3), expected);
  lockstep.LoadState(state);
  EXPECT_EQ(PlayLockstep(lockstep, 30), expected);
}

TEST(AsyncVectorEnvTest, StateIsNotSavedWhileSomethingIsUnderWay) {
  AsyncVectorEnv env("Hopper-v5", 3, 2);
  env.Reset(Seeds(3));
  env.Send(AllRows(3), std::vector<float>(9, 0.0F));
  env.Receive(1);
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.SaveState(); }),
            "the state is saved while 2 rows are under way");
}

TEST(AsyncVectorEnvTest, WhatCannotBeSentIsRefusedAndNothingIsSent) {
  AsyncVectorEnv env([] { return std::make_unique<FakeEnv>(FakeEnv::Plan{}); }, 4, 2);
  env.Reset(Seeds(4));
  const auto send = [&](const std::vector<std::int64_t>& rows, std::size_t num_actions) {
    const std::vector<float> actions(num_actions, 0.0F);
    return MessageOf<std::logic_error>([&] { env.Send(rows, actions); });
  };
  EXPECT_EQ(send({0, 1}, 3), "3 action values for 2 rows with 1 each");
  EXPECT_EQ(send({0, 4}, 2), "row 4 of 4 environments");
  EXPECT_EQ(send({-1}, 1), "row -1 of 4 environments");
  EXPECT_EQ(send({2, 3, 2}, 3), "row 2 is under way");
  EXPECT_EQ(env.num_under_way(), 0);
  EXPECT_EQ(MessageOf<std::logic_error>(
                [&] { env.Send(std::vector<std::int64_t>{0}, std::vector<std::int64_t>{1}); }),
            "1 action indices for 1 rows with box actions");
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.SendReset(AllRows(2), Seeds(3)); }),
            "3 seeds for 2 rows");
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.Reset(Seeds(3)); }),
            "3 seeds for 4 environments");
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.Receive(1); }),
            "1 rows asked for while 0 are under way");
  env.Send(AllRows(4), std::vector<float>(4, 0.0F));
  EXPECT_EQ(send({3}, 1), "row 3 is under way");
  EXPECT_EQ(MessageOf<std::logic_error>([&] { env.Receive(0); }),
            "0 rows asked for while 4 are under way");
  EXPECT_EQ(env.Receive(4).size(), 4);
}

TEST(AsyncVectorEnvTest, BadSettingsAreRefused) {
  EXPECT_EQ(MessageOf<ConfigError>([] { AsyncVectorEnv("Hopper-v5", 0, 1); }),
            "0 environments; allowed is a number above 0");
  EXPECT_EQ(MessageOf<ConfigError>([] { AsyncVectorEnv("Hopper-v5", 1, 0); }),
            "0 actor threads; allowed is a number above 0");
  EXPECT_THAT(MessageOf<ConfigError>([] { AsyncVectorEnv("Hoper-v5", 1, 1); }),
              HasSubstr("unknown environment \"Hoper-v5\""));
}

// Sleeping, waking and ending in every order; a lost wake-up would hang here.
TEST(AsyncVectorEnvTest, ManyShortLives) {
  for (int i = 0; i < 60; ++i) {
    AsyncVectorEnv env([] { return std::make_unique<FakeEnv>(FakeEnv::Plan{}); }, 3, 8);
    env.Reset(Seeds(3));
    PlayAsync(env, 40 * i, 1 + i % 3);
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    // Ends while steps are under way.
    env.Send(AllRows(3), std::vector<float>(3, 0.0F));
  }
}

}  // namespace
}  // namespace duet::envs
