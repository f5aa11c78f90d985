// Ten updates beside those of an independent implementation in plain PyTorch; data/td3.json is
// written by tests/reference/generate_td3.py.
#include "agents/td3.h"
#include "tests/agents/reference_updates.h"

namespace duet::agents {
namespace {

class Td3ReferenceTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Cases, Td3ReferenceTest, testing::Values("plain", "everything"),
                         [](const auto& info) { return info.param; });

TEST_P(Td3ReferenceTest, TenUpdatesEqualPlainPyTorch) {
  const ReferenceUpdates reference("td3.json", GetParam());
  Td3Config config;
  reference.Configure(config);
  config.actor_learning_rate = reference.config()["actor_learning_rate"];
  config.critic_learning_rate = reference.config()["critic_learning_rate"];
  config.policy_delay = reference.config()["policy_delay"];
  config.target_noise = reference.config()["target_noise"];
  config.noise_clip = reference.config()["noise_clip"];
  const auto agent = MakeTd3(config, reference.spec());
  reference.Prepare(*agent, {"actor", "critic"});
  reference.ExpectSame(*agent, {"actor", "critic", "target_actor", "target_critic"}, 1e-5);
}

}  // namespace
}  // namespace duet::agents
