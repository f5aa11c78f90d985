// The conformance suite on every environment of the table and every wrapper, and the table itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "envs/registry.h"
#include "tests/envs/player.h"
#include "tests/envs/subject.h"
#include "tests/envs/throws.h"
#include "tests/envs/wrapped.h"

namespace duet::envs {

std::vector<Subject> ConformanceSubjects() {
  std::vector<Subject> subjects = WrappedSubjects();
  for (const std::string& id : EnvIds()) {
    subjects.push_back(
        {.name = id.substr(0, id.find('-')),
         .make = [id](std::optional<std::int64_t> limit) { return MakeEnv(id, {}, limit); }});
  }
  return subjects;
}

namespace {

using ::testing::HasSubstr;

TEST(RegistryTest, SpecsHaveTheIdsOfTheirRows) {
  for (const std::string& id : EnvIds()) {
    EXPECT_EQ(MakeEnv(id)->spec().id, id);
    EXPECT_FALSE(DescribeEnv(id).engine.empty()) << id;
    EXPECT_FALSE(DescribeEnv(id).summary.empty()) << id;
  }
}

TEST(RegistryTest, StatesOfOtherTasksAreNamed) {
  for (const std::string& id : EnvIds()) {
    Player player(MakeEnv(id));
    player.Reset(4);
    const auto foreign = MakeEnv(id == "Pendulum-v1" ? "Hopper-v5" : "Pendulum-v1");
    EXPECT_THAT(MessageOf<IoError>([&] { foreign->LoadState(player.env().SaveState()); }),
                HasSubstr("the saved state is one of " + id));
  }
}

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
