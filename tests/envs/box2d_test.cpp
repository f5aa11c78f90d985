// The Box2D tasks: what the table's common tests do not see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "core/error.h"
#include "envs/box2d/world.h"
#include "envs/recorded_state.h"
#include "envs/registry.h"
#include "envs/time_limit.h"
#include "tests/envs/data_folder.h"
#include "tests/envs/player.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kIds[] = {"BipedalWalker-v3", "BipedalWalkerHardcore-v3", "LunarLander-v3"};

EnvOptions Options(const nlohmann::json& options) {
  EnvOptions result;
  for (const auto& [name, value] : options.items()) result[name] = value.get<bool>();
  return result;
}

TEST(Box2dTest, LaterEpisodesGoOnWithTheReferencesStream) {
  const nlohmann::json reference = ReadJson(DataFolder() / "box2d_episodes.json");
  for (const nlohmann::json& task : reference.at("tasks")) {
    Player player(MakeEnv(task.at("id").get<std::string>(), Options(task.at("options"))));
    const nlohmann::json& action = task.at("action");
    std::optional<std::uint64_t> seed = reference.at("seed").get<std::uint64_t>();
    for (const nlohmann::json& episode : task.at("episodes")) {
      player.Reset(std::exchange(seed, std::nullopt));
      EXPECT_EQ(player.observation(), episode.at("first").get<std::vector<double>>()) << task["id"];
      for (int i = 0; i < reference.at("steps").get<int>(); ++i) {
        if (action.is_number()) {
          player.Step(action.get<std::int64_t>());
        } else {
          const auto numbers = action.get<std::vector<float>>();
          player.Step(std::span<const float>(numbers));
        }
      }
      EXPECT_EQ(player.observation(), episode.at("last").get<std::vector<double>>()) << task["id"];
    }
  }
}

TEST(Box2dTest, AnEpisodeDoesNotDependOnTheOnesBefore) {
  for (const char* id : kIds) {
    Player used(MakeEnv(id)), fresh(MakeEnv(id), 6);
    used.Reset(1);
    for (int i = 0; i < 300; ++i) used.StepOn();
    used.Reset(2);
    fresh.Reset(2);
    RandomActions actions(3);
    for (int i = 0; i < 30; ++i) {
      const ActionView action = actions.Draw(used.env().spec());
      used.Step(action);
      fresh.Step(action);
      ASSERT_EQ(used.observation(), fresh.observation()) << id << ", step " << i;
    }
  }
}

TEST(Box2dTest, ActionsThatAreNotFiniteAreNamedAndAResetHelps) {
  for (const float wrong :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Player player(MakeEnv("BipedalWalker-v3")), other(MakeEnv("BipedalWalker-v3"));
    player.Reset(1);
    other.Reset(1);
    std::vector<float> action = {0.1F, 0.2F, wrong, 0.3F};
    EXPECT_THAT(MessageOf<NonFiniteError>([&] { player.Step(std::span<const float>(action)); }),
                StartsWith("BipedalWalker-v3: step 1: action[2] is "));
    action[2] = 0.5F;
    player.Reset(1);
    player.Step(std::span<const float>(action));
    other.Step(std::span<const float>(action));
    EXPECT_EQ(player.observation(), other.observation());
  }
}

TEST(Box2dTest, HugeActionsAreThoseOfTheUsefulRange) {
  for (const char* id : {"BipedalWalker-v3", "LunarLander-v3"}) {
    EnvOptions options;
    if (std::string_view(id) == "LunarLander-v3") options["continuous"] = true;
    Player huge(MakeEnv(id, options)), full(MakeEnv(id, options));
    huge.Reset(1);
    full.Reset(1);
    const std::size_t size = static_cast<std::size_t>(full.env().spec().action_size());
    const std::vector<float> largest(size, std::numeric_limits<float>::max());
    const std::vector<float> one(size, 1.0F);
    for (int i = 0; i < 20; ++i) {
      huge.Step(std::span<const float>(largest));
      full.Step(std::span<const float>(one));
      ASSERT_EQ(huge.observation(), full.observation());
    }
  }
}

TEST(Box2dTest, OptionsOutOfRangeAreRefused) {
  const auto error = [](const char* id, const EnvOptions& options) {
    return MessageOf<ConfigError>([&] { MakeEnv(id, options); });
  };
  for (const double gravity : {-12.0, 0.0, 9.8, std::nan("")}) {
    EXPECT_THAT(error("LunarLander-v3", {{"gravity", gravity}}),
                HasSubstr("allowed is a number between -12 and 0"));
  }
  EXPECT_EQ(error("LunarLander-v3", {{"wind_power", 1e30}}),
            "LunarLander-v3: option wind_power = 1e+30; allowed is a number from -1e6 to 1e6");
  EXPECT_THAT(error("LunarLander-v3", {{"hardcore", true}}), HasSubstr("hardcore"));
  EXPECT_THAT(error("BipedalWalker-v3", {{"hardcore", 1.0}}), HasSubstr("hardcore"));
}

TEST(Box2dTest, HardcoreIsAnOptionOfBothWalkers) {
  Player plain(MakeEnv("BipedalWalker-v3", {{"hardcore", true}}));
  Player hardcore(MakeEnv("BipedalWalkerHardcore-v3"));
  plain.Reset(3);
  hardcore.Reset(3);
  EXPECT_EQ(plain.observation(), hardcore.observation());
  EXPECT_EQ(plain.env().spec().max_episode_steps, 1600);
  EXPECT_EQ(hardcore.env().spec().max_episode_steps, 2000);
}

RecordedState WalkerStart() {
  RecordedState state;
  state.numbers["terrain_y"] = std::vector<double>(200, 3.3);
  state.numbers["initial_force_x"] = {1.0};
  return state;
}

TEST(Box2dTest, RecordedStartsThatTheEngineCannotTakeAreRefused) {
  const std::unique_ptr<Env> made = MakeEnv("BipedalWalker-v3");
  auto& env = dynamic_cast<TimeLimit&>(*made);
  std::vector<double> observation(24);
  RecordedState state = WalkerStart();
  env.StartFrom(state, observation);
  state.numbers["polygons"] = {1, 1, 2, 1, 2, 2, 1, 2};
  env.StartFrom(state, observation);
  for (const std::vector<double>& polygons : {std::vector<double>(8, 1.0),  // a point
                                              {1, 1, 2, 2, 2, 1, 1, 2},     // crosses itself
                                              {1, 1, 2, 1, 2, 2},           // too short
                                              {1, 1, 1e30, 1, 1e30, 2, 1, 2}}) {
    state.numbers["polygons"] = polygons;
    EXPECT_THAT(MessageOf<ConfigError>([&] { env.StartFrom(state, observation); }),
                StartsWith("BipedalWalker-v3: the recorded start holds numbers out of range"));
  }
  state = WalkerStart();
  state.numbers.erase("initial_force_x");
  EXPECT_THAT(MessageOf<ConfigError>([&] { env.StartFrom(state, observation); }),
              HasSubstr("has no initial_force_x"));
  state = WalkerStart();
  state.step = 20;
  EXPECT_THAT(MessageOf<ConfigError>([&] { env.StartFrom(state, observation); }),
              HasSubstr("step 20"));
}

TEST(Box2dTest, StatesOfOtherSettingsAreRefused) {
  Player continuous(MakeEnv("LunarLander-v3", {{"continuous", true}}));
  continuous.Reset(1);
  for (int i = 0; i < 10; ++i) continuous.Step();
  EXPECT_THROW(MakeEnv("LunarLander-v3")->LoadState(continuous.env().SaveState()), IoError);
}

TEST(Box2dTest, ABrokenConditionOfTheEngineIsAnErrorAndTheNextWorldIsSound) {
  World world;
  const ArenaScope scope = world.Scope();
  world.Restart(-10.0);
  const std::vector<b2Vec2> point(3, b2Vec2(1.0F, 1.0F));
  b2Body* const body = world.AddBody(b2_dynamicBody, {0.0F, 0.0F}, 0.0);
  EXPECT_THAT(MessageOf<Error>([&] { world.AddPolygon(body, point, {}); }),
              StartsWith("Box2D: the engine's condition '"));
  world.Restart(-10.0);
  b2Body* const box = world.AddBody(b2_dynamicBody, {0.0F, 0.0F}, 0.0);
  world.AddBox(box, 1.0, 1.0, {.density = 1.0});
  world.Step();
  EXPECT_LT(box->GetPosition().y, 0.0F);
}

TEST(ArenaTest, FreedAndRewoundMemoryIsUsedAgain) {
  Arena arena;
  void* const first = arena.Allocate(100);
  void* const second = arena.Allocate(100);
  EXPECT_NE(first, second);
  arena.Free(first);
  EXPECT_EQ(arena.Allocate(120), first);  // of the same size class
  EXPECT_NE(arena.Allocate(1000000), nullptr);
  arena.Rewind();
  EXPECT_EQ(arena.Allocate(100), first);
}

TEST(ArenaTest, MemoryOutsideAScopeIsTheCallersFault) {
  EXPECT_THROW(b2Alloc(16), std::logic_error);
}

}  // namespace
}  // namespace duet::envs
