// What every environment promises; see subject.h for which are asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/player.h"
#include "tests/envs/subject.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Truly;

class EnvConformanceTest : public ::testing::TestWithParam<Subject> {
 protected:
  std::unique_ptr<Env> Make() const { return GetParam().Make(); }
};

bool Ended(const StepResult& result) { return result.terminated || result.truncated; }

TEST_P(EnvConformanceTest, SpecIsComplete) {
  const EnvSpec spec = Make()->spec();
  EXPECT_THAT(spec.id, Not(IsEmpty()));
  EXPECT_GT(spec.observation_size, 0);
  EXPECT_NE(spec.discrete(), spec.action_size() > 0);
  ASSERT_EQ(spec.action_low.size(), spec.action_high.size());
  for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
    EXPECT_LT(spec.action_low[i], spec.action_high[i]);
  }
  ASSERT_EQ(spec.observation_low.size(), spec.observation_high.size());
  if (!spec.observation_low.empty()) {
    EXPECT_EQ(std::ssize(spec.observation_low), spec.observation_size);
  }
  for (std::size_t i = 0; i < spec.observation_low.size(); ++i) {
    EXPECT_LT(spec.observation_low[i], spec.observation_high[i]);
  }
  EXPECT_GT(spec.max_episode_steps, 0);
  EXPECT_GE(spec.step_seconds, 0.0);
}

TEST_P(EnvConformanceTest, EveryNumberHasAMeaning) {
  const auto env = Make();
  const EnvQuantities quantities = env->Describe();
  const EnvSpec& spec = env->spec();
  EXPECT_EQ(std::ssize(quantities.observation), spec.observation_size);
  EXPECT_EQ(std::ssize(quantities.action), spec.discrete() ? spec.num_actions : spec.action_size());
  const auto has_meaning = Each(::testing::Field(&Quantity::meaning, Not(IsEmpty())));
  EXPECT_THAT(quantities.observation, has_meaning);
  EXPECT_THAT(quantities.action, has_meaning);
}

void ExpectWithinBounds(const std::vector<double>& observation, const EnvSpec& spec) {
  EXPECT_THAT(observation, Each(Truly([](double value) { return std::isfinite(value); })));
  for (std::size_t i = 0; i < spec.observation_low.size(); ++i) {
    EXPECT_GE(observation[i], spec.observation_low[i]) << i;
    EXPECT_LE(observation[i], spec.observation_high[i]) << i;
  }
}

TEST_P(EnvConformanceTest, ObservationsAreFullyWrittenFiniteAndWithinTheirBounds) {
  Player player(Make());  // its observation is NaN before
  player.Reset(1);
  ExpectWithinBounds(player.observation(), player.env().spec());
  for (int i = 0; i < 200; ++i) {
    const StepResult result = player.Step();
    EXPECT_TRUE(std::isfinite(result.reward));
    ExpectWithinBounds(player.observation(), player.env().spec());
    if (Ended(result)) player.Reset(std::nullopt);
  }
}

TEST_P(EnvConformanceTest, SameSeedSameEpisode) {
  EXPECT_EQ(FirstDifference(Player(Make()).Play(7, 100), Player(Make()).Play(7, 100)), -1);
}

TEST_P(EnvConformanceTest, SeedStartsTheEpisodeAnewInAUsedEnvironment) {
  if (GetParam().has_statistics) GTEST_SKIP() << "its statistics go on";
  auto used = Make();
  std::vector<double> observation(static_cast<std::size_t>(used->spec().observation_size));
  RandomActions actions(3);
  used->Reset(3, observation);
  for (int i = 0; i < 20; ++i) {
    if (Ended(used->Step(actions.Draw(used->spec()), observation))) break;
  }
  EXPECT_EQ(FirstDifference(Player(std::move(used)).Play(7, 30), Player(Make()).Play(7, 30)), -1);
}

TEST_P(EnvConformanceTest, OtherSeedsAndLaterEpisodesDiffer) {
  constexpr int kSteps = 5;  // as many as a delay may hide
  const Record first = Player(Make()).Play(1, kSteps);
  EXPECT_NE(FirstDifference(first, Player(Make()).Play(2, kSteps)), -1);
  Player later(Make());
  later.Reset(1);
  EXPECT_NE(FirstDifference(first, later.Play(std::nullopt, kSteps)), -1);
}

TEST_P(EnvConformanceTest, EnvironmentsSteppedInTurnDoNotNoticeEachOther) {
  constexpr int kSteps = 60;
  Player first(Make(), 1);
  Player second(Make(), 2);
  Record first_record;
  Record second_record;
  first.Reset(11, first_record);
  second.Reset(12, second_record);
  for (int i = 0; i < kSteps; ++i) {
    first.StepOn(first_record);
    second.StepOn(second_record);
  }
  EXPECT_EQ(FirstDifference(first_record, Player(Make(), 1).Play(11, kSteps)), -1);
  EXPECT_EQ(FirstDifference(second_record, Player(Make(), 2).Play(12, kSteps)), -1);
}

// Loads `state` into a fresh environment and into one in the middle of something else.
std::vector<std::unique_ptr<Env>> Continued(const Subject& subject, const std::string& state) {
  std::vector<std::unique_ptr<Env>> envs;
  envs.push_back(subject.make(20));
  Player used(subject.make(20));
  used.Play(8, 7);
  envs.push_back(used.Release());
  for (const auto& env : envs) env->LoadState(state);
  return envs;
}

TEST_P(EnvConformanceTest, StateContinuesBitForBitOverEndsOfEpisodes) {
  Player player(GetParam().make(20));
  player.Play(4, 27);
  const std::string state = player.env().SaveState();
  std::vector<std::unique_ptr<Env>> others = Continued(GetParam(), state);
  EXPECT_EQ(others[0]->SaveState(), state);
  EXPECT_EQ(others[1]->SaveState(), state);

  std::vector<Player> players;
  players.emplace_back(player.Release(), 6);
  for (auto& other : others) players.emplace_back(std::move(other), 6);
  std::vector<Record> records(players.size());
  for (std::size_t i = 0; i < players.size(); ++i) {
    for (int step = 0; step < 50; ++step) players[i].StepOn(records[i]);
    EXPECT_EQ(FirstDifference(records[i], records[0]), -1) << i;
  }
}

TEST_P(EnvConformanceTest, StateAfterAnEndWaitsForAReset) {
  Player player(GetParam().make(3));
  player.Reset(4);
  while (!Ended(player.Step())) {
  }
  Player other(GetParam().make(3));
  other.env().LoadState(player.env().SaveState());
  EXPECT_THROW(other.Step(), std::logic_error);
  EXPECT_THROW(player.Step(), std::logic_error);
  Record record;
  Record other_record;
  player.Reset(std::nullopt, record);
  other.Reset(std::nullopt, other_record);
  EXPECT_EQ(record, other_record);
}

TEST_P(EnvConformanceTest, DamagedStatesAreRefused) {
  Player player(Make());
  player.Reset(4);
  const std::string state = player.env().SaveState();
  EXPECT_THROW(player.env().LoadState(""), IoError);
  EXPECT_THROW(player.env().LoadState("nonsense"), IoError);
  EXPECT_THROW(player.env().LoadState(state + "x"), IoError);
  for (std::size_t size = 0; size < state.size(); size += 1 + state.size() / 50) {
    EXPECT_THROW(player.env().LoadState(state.substr(0, size)), IoError) << size;
  }
  player.env().LoadState(state);
  EXPECT_EQ(player.env().SaveState(), state);
}

TEST_P(EnvConformanceTest, StatesOfOtherTasksAreRefused) {
  Player player(Make());
  player.Reset(4);
  const std::string state = player.env().SaveState();
  for (const std::string& id : EnvIds()) {
    if (id == player.env().spec().id) continue;
    EXPECT_THROW(MakeEnv(id)->LoadState(state), IoError) << id;
  }
}

TEST_P(EnvConformanceTest, LimitTruncatesExactlyThereAndApartFromTermination) {
  constexpr std::int64_t kLimit = 4;
  Player player(GetParam().make(kLimit));
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

TEST_P(EnvConformanceTest, ActionsOfAnotherKindOrSizeAreTheCallersFault) {
  Player player(Make());
  const EnvSpec& spec = player.env().spec();
  const auto refused = [&](ActionView action) {
    player.Reset(1);
    EXPECT_THROW(player.Step(action), std::logic_error);
  };
  const std::vector<float> numbers(static_cast<std::size_t>(spec.action_size()) + 1);
  refused(numbers);
  refused(std::span(numbers).first(static_cast<std::size_t>(spec.discrete())));
  refused(spec.discrete() ? std::int64_t{-1} : std::int64_t{0});
  refused(spec.num_actions);
}

TEST_P(EnvConformanceTest, RoomOfAnotherSizeIsTheCallersFault) {
  const auto env = Make();
  const auto size = static_cast<std::size_t>(env->spec().observation_size);
  std::vector<double> room(size + 1);
  RandomActions actions;
  for (const std::size_t wrong : {size - 1, size + 1}) {
    const std::span<double> wrong_room = std::span(room).first(wrong);
    EXPECT_THROW(env->Reset(1, wrong_room), std::logic_error);
    env->Reset(1, std::span(room).first(size));
    EXPECT_THROW(env->Step(actions.Draw(env->spec()), wrong_room), std::logic_error);
  }
}

TEST_P(EnvConformanceTest, NonFiniteActionsAreNamedAndAResetHelps) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Player player(Make());
  const EnvSpec& spec = player.env().spec();
  if (spec.discrete()) GTEST_SKIP() << "indices are finite";
  const std::size_t last = spec.action_low.size() - 1;
  for (const float bad : {std::nanf(""), kInfinity, -kInfinity}) {
    if (GetParam().clips_actions && std::isinf(bad)) continue;
    std::vector<float> action(last + 1, 0.0F);
    action[last] = bad;
    player.Reset(3);
    player.Step();
    for (int i = 0; i < GetParam().action_delay; ++i) {
      player.Step(action);
      action[last] = 0.0F;
    }
    const std::string message = MessageOf<NonFiniteError>([&] { player.Step(action); });
    EXPECT_THAT(message, HasSubstr("step " + std::to_string(2 + GetParam().action_delay) +
                                   ": action[" + std::to_string(last) + "]"));
    EXPECT_THROW(player.Step(), std::logic_error);
  }
  const Record after = Player(player.Release()).Play(3, 20);
  if (GetParam().has_statistics) return;
  EXPECT_EQ(FirstDifference(after, Player(Make()).Play(3, 20)), -1);
}

TEST_P(EnvConformanceTest, ActionsBeyondTheRangeGiveFiniteNumbers) {
  Player player(Make());
  const EnvSpec& spec = player.env().spec();
  if (spec.discrete()) GTEST_SKIP() << "indices beyond the range are refused";
  for (const float factor : {3.0F, -1000.0F}) {
    std::vector<float> action = spec.action_high;
    for (float& number : action) number *= factor;
    player.Reset(2);
    for (int i = 0; i < 30; ++i) {
      const StepResult result = player.Step(action);
      EXPECT_TRUE(std::isfinite(result.reward));
      EXPECT_THAT(player.observation(), Each(Truly([](double x) { return std::isfinite(x); })));
      if (Ended(result)) player.Reset(std::nullopt);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EnvConformanceTest, ::testing::ValuesIn(ConformanceSubjects()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace duet::envs
