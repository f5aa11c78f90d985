// What every environment of the table promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/player.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Truly;

class EnvConformanceTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Env> Make() const { return MakeEnv(GetParam()); }
};

TEST_P(EnvConformanceTest, SpecIsComplete) {
  const EnvSpec spec = Make()->spec();
  EXPECT_EQ(spec.id, GetParam());
  EXPECT_GT(spec.observation_size, 0);
  EXPECT_NE(spec.discrete(), spec.action_size() > 0);
  ASSERT_EQ(spec.action_low.size(), spec.action_high.size());
  for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
    EXPECT_LT(spec.action_low[i], spec.action_high[i]);
  }
  EXPECT_GT(spec.max_episode_steps, 0);
  EXPECT_FALSE(DescribeEnv(GetParam()).engine.empty());
}

TEST_P(EnvConformanceTest, ObservationsAreFullyWrittenAndFinite) {
  Player player(Make());
  const auto finite = Each(Truly([](double value) { return std::isfinite(value); }));
  player.Reset(1);
  EXPECT_THAT(player.observation(), finite);
  for (int i = 0; i < 50; ++i) {
    const StepResult result = player.Step();
    EXPECT_TRUE(std::isfinite(result.reward));
    EXPECT_THAT(player.observation(), finite);
    if (result.terminated || result.truncated) player.Reset(std::nullopt);
  }
}

TEST_P(EnvConformanceTest, SameSeedSameEpisode) {
  Player first(Make());
  Player second(Make());
  first.Reset(7);
  second.Reset(7);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(first.observation(), second.observation()) << "step " << i;
    const StepResult result = first.Step();
    const StepResult other = second.Step();
    ASSERT_EQ(result.reward, other.reward);
    ASSERT_EQ(result.terminated, other.terminated);
    if (!result.terminated && !result.truncated) continue;
    first.Reset(std::nullopt);
    second.Reset(std::nullopt);
  }
}

TEST_P(EnvConformanceTest, SeedStartsTheEpisodeAnewInAUsedEnvironment) {
  Player player(Make());
  player.Reset(7);
  const std::vector<double> start = player.observation();
  Player used(Make());
  used.Reset(3);
  for (int i = 0; i < 20; ++i) {
    const StepResult result = used.Step();
    if (result.terminated || result.truncated) break;
  }
  used.Reset(7);
  EXPECT_EQ(used.observation(), start);
}

TEST_P(EnvConformanceTest, OtherSeedsAndLaterEpisodesDiffer) {
  Player player(Make());
  player.Reset(1);
  const std::vector<double> first = player.observation();
  player.Reset(2);
  EXPECT_NE(player.observation(), first);
  player.Reset(1);
  player.Reset(std::nullopt);
  EXPECT_NE(player.observation(), first);
}

TEST_P(EnvConformanceTest, StateContinuesBitForBit) {
  Player player(Make());
  player.Reset(4);
  for (int i = 0; i < 30; ++i) {
    const StepResult result = player.Step();
    if (result.terminated || result.truncated) player.Reset(std::nullopt);
  }
  const std::string state = player.env().SaveState();

  // Into a fresh environment and into one in the middle of something else.
  std::vector<std::unique_ptr<Env>> others;
  others.push_back(Make());
  others.push_back(Make());
  std::vector<double> observation(player.observation().size());
  others[1]->Reset(8, observation);
  for (const auto& other : others) other->LoadState(state);
  EXPECT_EQ(others[0]->SaveState(), state);

  RandomActions actions(6);
  std::vector<double> expected(observation.size());
  for (int i = 0; i < 60; ++i) {
    const ActionView action = actions.Draw(player.env().spec());
    const StepResult result = player.env().Step(action, expected);
    for (const auto& other : others) {
      const StepResult found = other->Step(action, observation);
      ASSERT_EQ(observation, expected) << "step " << i;
      ASSERT_EQ(found.reward, result.reward) << "step " << i;
      ASSERT_EQ(found.terminated, result.terminated) << "step " << i;
      ASSERT_EQ(found.truncated, result.truncated) << "step " << i;
    }
    if (!result.terminated && !result.truncated) continue;
    player.env().Reset(std::nullopt, expected);
    for (const auto& other : others) {
      other->Reset(std::nullopt, observation);
      ASSERT_EQ(observation, expected) << "step " << i;
    }
  }
}

TEST_P(EnvConformanceTest, ForeignOrDamagedStatesAreRefused) {
  Player player(Make());
  player.Reset(4);
  const std::string state = player.env().SaveState();
  EXPECT_THROW(player.env().LoadState(""), IoError);
  EXPECT_THROW(player.env().LoadState("nonsense"), IoError);
  EXPECT_THROW(player.env().LoadState(state + "x"), IoError);
  for (std::size_t size = 0; size < state.size(); size += 1 + state.size() / 50) {
    EXPECT_THROW(player.env().LoadState(state.substr(0, size)), IoError) << size;
  }
  for (const std::string& id : EnvIds()) {
    if (id == GetParam()) continue;
    const auto foreign = MakeEnv(id);
    EXPECT_THAT(MessageOf<IoError>([&] { foreign->LoadState(state); }),
                HasSubstr("the saved state is one of " + GetParam()));
  }
}

TEST_P(EnvConformanceTest, LimitTruncatesExactlyThereAndApartFromTermination) {
  constexpr std::int64_t kLimit = 4;
  Player player(MakeEnv(GetParam(), {}, kLimit));
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    player.Reset(seed);
    for (std::int64_t step = 1; step <= kLimit; ++step) {
      const StepResult result = player.Step();
      EXPECT_EQ(result.truncated, step == kLimit);
      if (result.terminated) break;
    }
  }
}

TEST_P(EnvConformanceTest, StepWithoutResetIsTheCallersFault) {
  Player player(Make());
  EXPECT_THROW(player.Step(), std::logic_error);
}

INSTANTIATE_TEST_SUITE_P(All, EnvConformanceTest, ::testing::ValuesIn(EnvIds()),
                         [](const ::testing::TestParamInfo<std::string>& param) {
                           return param.param.substr(0, param.param.find('-'));
                         });

TEST(RegistryTest, IdsAreSortedAndMakeable) {
  const std::vector<std::string> ids = EnvIds();
  EXPECT_TRUE(std::ranges::is_sorted(ids));
  for (const char* id : {"InvertedPendulum-v5", "InvertedDoublePendulum-v5", "Swimmer-v5",
                         "Hopper-v5", "HalfCheetah-v5", "Walker2d-v5", "Humanoid-v5"}) {
    EXPECT_TRUE(std::ranges::binary_search(ids, id)) << id;
  }
}

TEST(RegistryTest, StepLimitsAreGymnasiums) {
  const std::map<std::string, std::int64_t> others = {{"Acrobot-v1", 500},
                                                      {"BipedalWalker-v3", 1600},
                                                      {"BipedalWalkerHardcore-v3", 2000},
                                                      {"CartPole-v1", 500},
                                                      {"MountainCarContinuous-v0", 999},
                                                      {"Pendulum-v1", 200},
                                                      {"Pusher-v5", 100},
                                                      {"Reacher-v5", 50}};
  for (const std::string& id : EnvIds()) {
    const auto found = others.find(id);
    EXPECT_EQ(MakeEnv(id)->spec().max_episode_steps, found == others.end() ? 1000 : found->second)
        << id;
  }
}

}  // namespace
}  // namespace duet::envs
