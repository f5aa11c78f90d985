// What docs/environments.md says: its table, and its example, which is cut out of the page when the
// build is configured.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "envs/classic/point_mass.h"
#include "envs/registry.h"
#include "tests/envs/player.h"
#include "tests/envs/subject.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;

constexpr auto kRows = std::to_array<EnvEntry>({
#include "envs/registry.cpp.rows"
});

TEST(DocumentedEnvTest, TheExampleCanBeSolved) {
  Player player(MakeEnv(kRows[0]));
  player.Reset(3);
  StepResult result;
  int num_steps = 0;
  for (; !result.terminated && num_steps < 200; ++num_steps) {
    const std::vector<double>& seen = player.observation();
    const auto push = [&](std::size_t i) {
      return static_cast<float>(std::clamp(2.0 * seen[i] - 2.0 * seen[2 + i], -1.0, 1.0));
    };
    result = player.Step(std::vector<float>{push(0), push(1)});
  }
  EXPECT_TRUE(result.terminated);
  EXPECT_GT(num_steps, 10);
}

TEST(DocumentedEnvTest, TheOptionOfTheExampleCounts) {
  EXPECT_NE(Player(MakeEnv(kRows[0], {{"drag", 0.0}})).Play(1, 5),
            Player(MakeEnv(kRows[0])).Play(1, 5));
}

TEST(DocumentedEnvTest, TheTableIsThatOfTheRegistry) {
  const std::string page =
      core::ReadFile(std::filesystem::path(DUET_SOURCE_DIR) / "docs" / "environments.md");
  for (const std::string& id : EnvIds()) {
    const EnvSpec spec = MakeEnv(id)->spec();
    const std::string engine = DescribeEnv(id).engine;
    const std::string action = spec.discrete() ? fmt::format("one of {}", spec.num_actions)
                                               : fmt::format("{}", spec.action_size());
    EXPECT_THAT(page, HasSubstr(fmt::format("| {} | {} | {} | {} | {} |\n", id,
                                            spec.observation_size, action, spec.max_episode_steps,
                                            engine.substr(0, engine.find(' ')))));
  }
}

}  // namespace

std::vector<Subject> ConformanceSubjects() {
  return {{.name = "Example",
           .make = [](std::optional<std::int64_t> limit) { return MakeEnv(kRows[0], {}, limit); }}};
}

}  // namespace duet::envs
