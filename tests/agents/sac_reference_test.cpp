// Ten updates beside those of an independent implementation in plain PyTorch; data/sac.json is
// written by tests/reference/generate_sac.py.
#include "agents/sac.h"
#include "tests/agents/reference_updates.h"

namespace duet::agents {
namespace {

class SacReferenceTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Cases, SacReferenceTest, testing::Values("plain", "everything", "fixed"),
                         [](const auto& info) { return info.param; });

TEST_P(SacReferenceTest, TenUpdatesEqualPlainPyTorch) {
  const ReferenceUpdates reference("sac.json", GetParam());
  const json& settings = reference.config();
  SacConfig config;
  reference.Configure(config);
  config.actor_learning_rate = settings["actor_learning_rate"];
  config.critic_learning_rate = settings["critic_learning_rate"];
  config.policy_delay = settings["policy_delay"];
  config.learn_temperature = settings["learn_temperature"];
  config.initial_temperature = settings["initial_temperature"];
  config.temperature_learning_rate = settings["temperature_learning_rate"];
  config.target_entropy = settings["target_entropy"];
  config.log_std_bounds =
      settings["log_std_bounds"] == "clamp" ? LogStdBounds::kClamp : LogStdBounds::kRescale;
  const auto agent = MakeSac(config, reference.spec());
  reference.Prepare(*agent, {"actor", "critic"});
  reference.ExpectSame(*agent, {"actor", "critic", "target_critic"}, 1e-5);
}

}  // namespace
}  // namespace duet::agents
