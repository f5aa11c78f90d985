// The same seed gives the episodes that Gymnasium gives.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "envs/registry.h"
#include "tests/envs/data_folder.h"

namespace duet::envs {
namespace {

class StartsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(StartsTest, SeedAndResetsWithoutOneAreGymnasiums) {
  const auto reference = ReadJson(DataFolder() / "starts.json");
  ASSERT_TRUE(reference["episodes"].contains(GetParam()));
  for (const auto& recorded : reference["episodes"][GetParam()]) {
    const auto env = MakeEnv(GetParam());
    const EnvSpec& spec = env->spec();
    std::vector<double> observation(static_cast<std::size_t>(spec.observation_size));
    const std::vector<float> zero(spec.action_low.size());
    const ActionView action = spec.discrete() ? ActionView(std::int64_t{0}) : ActionView(zero);
    env->Reset(recorded["seed"].get<std::uint64_t>(), observation);
    for (std::size_t episode = 0; episode < recorded["observations"].size(); ++episode) {
      const auto& expected = recorded["observations"][episode];
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(observation[i], expected[i].get<double>())
            << "seed " << recorded["seed"] << ", episode " << episode << ", number " << i;
      }
      for (int i = 0; i < reference["steps"].get<int>(); ++i) env->Step(action, observation);
      env->Reset(std::nullopt, observation);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, StartsTest, ::testing::ValuesIn(EnvIds()),
                         [](const ::testing::TestParamInfo<std::string>& param) {
                           return param.param.substr(0, param.param.find('-'));
                         });

}  // namespace
}  // namespace duet::envs
