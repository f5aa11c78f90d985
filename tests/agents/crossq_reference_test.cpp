// Ten updates beside those of an independent implementation in plain PyTorch; data/crossq.json is
// written by tests/reference/generate_crossq.py.
#include "agents/crossq.h"
#include "tests/agents/reference_updates.h"

namespace duet::agents {
namespace {

class CrossQReferenceTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Cases, CrossQReferenceTest,
                         testing::Values("plain", "everything", "fixed"),
                         [](const auto& info) { return info.param; });

TEST_P(CrossQReferenceTest, TenUpdatesEqualPlainPyTorch) {
  const ReferenceUpdates reference("crossq.json", GetParam());
  const json& settings = reference.config();
  CrossQConfig config;
  reference.Configure(config);
  config.critic_hidden = settings["critic_hidden"].get<std::vector<std::int64_t>>();
  config.actor_learning_rate = settings["actor_learning_rate"];
  config.critic_learning_rate = settings["critic_learning_rate"];
  config.adam_beta1 = settings["adam_beta1"];
  config.policy_delay = settings["policy_delay"];
  config.learn_temperature = settings["learn_temperature"];
  config.initial_temperature = settings["initial_temperature"];
  config.temperature_learning_rate = settings["temperature_learning_rate"];
  config.target_entropy = settings["target_entropy"];
  config.log_std_bounds =
      settings["log_std_bounds"] == "clamp" ? LogStdBounds::kClamp : LogStdBounds::kRescale;
  config.batch_renorm = {.momentum = settings["momentum"],
                         .epsilon = settings["epsilon"],
                         .r_max = settings["r_max"],
                         .d_max = settings["d_max"],
                         .warmup_steps = settings["warmup_steps"]};
  const auto agent = MakeCrossQ(config, reference.spec());
  reference.Prepare(*agent, {"actor", "critic"});
  reference.ExpectSame(*agent, {"actor", "critic"}, 1e-5);
}

}  // namespace
}  // namespace duet::agents
