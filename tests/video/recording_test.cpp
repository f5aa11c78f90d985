#include "runners/video/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "envs/registry.h"
#include "tests/envs/fake_env.h"

namespace duet::video {
namespace {

constexpr std::size_t kDraws = 2000;

std::vector<std::vector<float>> Draw(const envs::EnvSpec& spec, std::uint64_t seed) {
  RandomActor actor(spec);
  actor.Begin(seed);
  std::vector<std::vector<float>> drawn;
  for (std::size_t i = 0; i < kDraws; ++i) {
    const auto box = std::get<std::span<const float>>(actor.Act({}));
    drawn.emplace_back(box.begin(), box.end());
  }
  return drawn;
}

TEST(RandomActorTest, FillsTheBox) {
  envs::EnvSpec spec;
  spec.action_low = {-2.0F, 1.0F, -std::numeric_limits<float>::infinity()};
  spec.action_high = {2.0F, 1.5F, std::numeric_limits<float>::infinity()};
  const auto drawn = Draw(spec, 3);
  for (const auto& [index, low, high] :
       {std::tuple{0, -2.0, 2.0}, std::tuple{1, 1.0, 1.5}, std::tuple{2, -1.0, 1.0}}) {
    double least = 1e9;
    double most = -1e9;
    double mean = 0.0;
    for (const auto& action : drawn) {
      const double value = action[static_cast<std::size_t>(index)];
      least = std::min(least, value);
      most = std::max(most, value);
      mean += value / kDraws;
    }
    EXPECT_GE(least, low);
    EXPECT_LE(most, high);
    EXPECT_NEAR(least, low, 0.02 * (high - low));
    EXPECT_NEAR(most, high, 0.02 * (high - low));
    EXPECT_NEAR(mean, 0.5 * (low + high), 0.04 * (high - low));
  }
}

TEST(RandomActorTest, ChoosesEveryIndex) {
  envs::EnvSpec spec;
  spec.num_actions = 4;
  RandomActor actor(spec);
  actor.Begin(0);
  std::multiset<std::int64_t> drawn;
  for (std::size_t i = 0; i < kDraws; ++i) drawn.insert(std::get<std::int64_t>(actor.Act({})));
  for (const std::int64_t index : {0, 1, 2, 3}) EXPECT_NEAR(drawn.count(index), kDraws / 4, 100);
}

TEST(RandomActorTest, TheSeedOfAnEpisodeDecidesItsActions) {
  envs::EnvSpec spec;
  spec.action_low = {-1.0F};
  spec.action_high = {1.0F};
  EXPECT_EQ(Draw(spec, 5), Draw(spec, 5));
  EXPECT_NE(Draw(spec, 5), Draw(spec, 6));
}

TEST(PlayEpisodeTest, SumsTheRewardsOfOneEpisodeAndTellsEveryStep) {
  envs::FakeEnv env({.episode_steps = 7});
  RandomActor actor(env.spec());
  std::vector<std::int64_t> lengths;
  const Episode episode =
      PlayEpisode(env, actor, 11, [&](std::int64_t length) { lengths.push_back(length); });
  double sum = 0.0;
  const auto drawn = Draw(env.spec(), 11);
  for (std::size_t i = 0; i < 7; ++i) sum += drawn[i][0];
  EXPECT_DOUBLE_EQ(episode.episode_return, sum);
  EXPECT_EQ(episode.seed, 11U);
  EXPECT_EQ(episode.length, 7);
  EXPECT_TRUE(episode.terminated);
  EXPECT_THAT(lengths, testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

TEST(PlayEpisodeTest, EndsAtTheStepLimit) {
  const auto env = envs::MakeEnv("HalfCheetah-v5", {}, 5);
  RandomActor actor(env->spec());
  const Episode episode = PlayEpisode(*env, actor, 0, [](std::int64_t) {});
  EXPECT_EQ(episode.length, 5);
  EXPECT_FALSE(episode.terminated);
}

TEST(RealTimeRateTest, FollowsTheDurationOfAStep) {
  EXPECT_DOUBLE_EQ(RealTimeRate(envs::MakeEnv("HalfCheetah-v5")->spec()), 20.0);
  EXPECT_DOUBLE_EQ(RealTimeRate(envs::MakeEnv("Hopper-v5")->spec()), 125.0);
  EXPECT_DOUBLE_EQ(RealTimeRate(envs::EnvSpec{}), 30.0);
}

}  // namespace
}  // namespace duet::video
