#include "agents/sac.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

SacConfig SmallConfig() {
  SacConfig config;
  config.hidden = {16, 16};
  config.batch_size = 16;
  config.actor_learning_rate = 1e-3;
  config.critic_learning_rate = 1e-3;
  config.temperature_learning_rate = 1e-2;
  return config;
}

Batch RandomBatch(const AgentSpec& spec, std::int64_t size) {
  const std::int64_t m = spec.members();
  return {.observations = RandomTensor({m, size, spec.observation_size}, 1),
          .actions = RandomTensor({m, size, spec.action_size}, 2).tanh(),
          .rewards = RandomTensor({m, size}, 3),
          .next_observations = RandomTensor({m, size, spec.observation_size}, 4),
          .terminated = RandomTensor({m, size}, 5).gt(0.5).to(at::kFloat)};
}

Tensor Temperatures(const Agent& agent) {
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent.SavePolicy(writer); });
  return ReadTensor(*archive, "log_temperature").exp().flatten();
}

TEST(SacTest, AnswersWithATanhGaussian) {
  const auto agent = MakeSac(SmallConfig(), SmallSpec());
  const PolicyOutput answer = agent->policy().Answer(RandomTensor({2, 5, 3}, 1));
  EXPECT_EQ(answer.distribution(), Distribution::kTanhGaussian);
  EXPECT_LT(LargestDifference(answer.mean, answer.location.tanh()), 4e-7);  // as in tanh.h
  EXPECT_EQ(answer.log_std.sizes(), at::IntArrayRef({2, 5, 2}));
}

TEST(SacTest, ExploresWithThePolicysOwnDistribution) {
  const auto agent = MakeSac(SmallConfig(), SmallSpec({1}));
  constexpr std::int64_t kDraws = 20'000;
  const Tensor observations = RandomTensor({1, 1, 3}, 1).expand({1, kDraws, 3}).contiguous();
  std::vector<float> actions(kDraws * 2);
  agent->Act({observations.const_data_ptr<float>(), static_cast<std::size_t>(3 * kDraws)},
             ActMode::kExplore, actions);
  const Tensor x = at::tensor(actions).view({kDraws, 2}).atanh();
  const PolicyOutput answer = agent->policy().Answer(observations.narrow(1, 0, 1));
  // Five standard errors of the mean; the spread's is half of that.
  const Tensor std = answer.log_std.flatten().exp();
  EXPECT_LT(((x.mean(0) - answer.location.flatten()).abs() / std).max().item<double>(),
            5.0 / std::sqrt(kDraws));
  EXPECT_LT((x.std(0) / std - 1.0).abs().max().item<double>(), 5.0 / std::sqrt(kDraws));
}

TEST(SacTest, TheValueOfAStateIsNearTheMeanOfSoftValuesOfDraws) {
  SacConfig config = SmallConfig();
  config.initial_temperature = 0.5;
  const auto agent = MakeSac(config, SmallSpec({1}));
  // A narrow policy, of which the mode stands for the draws: log std -2.
  Tensor bias = agent->policy().parameters().narrow(1, -2, 2);
  bias.fill_(-2.0);
  constexpr std::int64_t kDraws = 20'000;
  const Tensor observations = RandomTensor({1, 1, 3}, 1).expand({1, kDraws, 3}).contiguous();
  const PolicyOutput answer = agent->policy().Answer(observations);
  const auto sample =
      SampleTanhGaussian({answer.location, answer.log_std}, RandomTensor({1, kDraws, 2}, 2));
  const double drawn = (agent->ActionValue(observations, sample.actions) - 0.5 * sample.log_probs)
                           .mean()
                           .item<double>();
  EXPECT_NEAR(agent->Value(observations)[0][0].item<double>(), drawn, 0.03);
}

TEST(SacTest, TheTemperatureMovesTheEntropyToItsTarget) {
  for (const double target : {-5.0, 5.0}) {  // far below and above the entropy at the start
    SacConfig config = SmallConfig();
    config.target_entropy = target;
    const auto agent = MakeSac(config, SmallSpec());
    for (int i = 0; i < 3; ++i) agent->UpdateOn(RandomBatch(agent->spec(), 16));
    const Tensor temperatures = Temperatures(*agent);
    for (std::int64_t m = 0; m < 2; ++m) {
      // Adam's first steps are as long as its learning rate.
      EXPECT_NEAR(std::log(temperatures[m].item<double>()), target < 0.0 ? -0.03 : 0.03, 1e-3);
    }
  }
}

TEST(SacTest, AFixedTemperatureStays) {
  SacConfig config = SmallConfig();
  config.learn_temperature = false;
  config.initial_temperature = 0.2;
  const auto agent = MakeSac(config, SmallSpec());
  Train(*agent, 0, 20);
  EXPECT_LT(LargestDifference(Temperatures(*agent), at::full({2}, 0.2)), 1e-6);
  const Metrics metrics = agent->TakeMetrics();
  EXPECT_NEAR(metrics.at("ent_coef")[1], 0.2, 1e-6);
  EXPECT_FALSE(metrics.contains("ent_coef_loss"));
}

TEST(SacTest, ANonFiniteRewardNamesTheLossAndMemberAndChangesNothing) {
  const auto agent = MakeSac(SmallConfig(), SmallSpec());
  const Tensor before = Networks(*agent);
  Batch batch = RandomBatch(agent->spec(), 4);
  batch.rewards[1].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT([&] { agent->UpdateOn(batch); },
              testing::ThrowsMessage<NonFiniteError>(
                  testing::HasSubstr("the critic loss of member 1 is nan")));
  EXPECT_TRUE(Networks(*agent).equal(before));
}

struct Knob {
  std::string name;
  std::function<void(SacConfig&)> turn;
};

class SacKnobTest : public testing::TestWithParam<Knob> {};

INSTANTIATE_TEST_SUITE_P(
    Knobs, SacKnobTest,
    testing::Values(
        Knob{"gamma", [](SacConfig& c) { c.gamma = 0.5; }},
        Knob{"n_step", [](SacConfig& c) { c.n_step = 3; }},
        Knob{"tau", [](SacConfig& c) { c.tau = 0.5; }},
        Knob{"actor_learning_rate", [](SacConfig& c) { c.actor_learning_rate = 2e-3; }},
        Knob{"critic_learning_rate", [](SacConfig& c) { c.critic_learning_rate = 2e-3; }},
        Knob{"policy_delay", [](SacConfig& c) { c.policy_delay = 2; }},
        Knob{"learn_temperature", [](SacConfig& c) { c.learn_temperature = false; }},
        Knob{"initial_temperature", [](SacConfig& c) { c.initial_temperature = 0.1; }},
        Knob{"temperature_learning_rate", [](SacConfig& c) { c.temperature_learning_rate = 0.1; }},
        Knob{"target_entropy", [](SacConfig& c) { c.target_entropy = 5.0; }},
        Knob{"log_std_bounds", [](SacConfig& c) { c.log_std_bounds = LogStdBounds::kRescale; }},
        Knob{"max_gradient_norm", [](SacConfig& c) { c.max_gradient_norm = 1e-8; }},
        Knob{"reward_scale", [](SacConfig& c) { c.reward_scale = 0.1; }},
        Knob{"normalize_observations", [](SacConfig& c) { c.normalize_observations = true; }},
        Knob{"initialization",
             [](SacConfig& c) { c.initialization.kind = InitializationKind::kOrthogonal; }},
        Knob{"final_layer_scale", [](SacConfig& c) { c.initialization.final_layer_scale = 3e-3; }}),
    [](const auto& info) { return info.param.name; });

TEST_P(SacKnobTest, ChangesWhatIsLearned) {
  const auto learned = [](const SacConfig& config) {
    const auto agent = MakeSac(config, SmallSpec({1}));
    Train(*agent, 0, 30);
    return Networks(*agent);
  };
  SacConfig turned = SmallConfig();
  GetParam().turn(turned);
  EXPECT_GT(LargestDifference(learned(SmallConfig()), learned(turned)), 1e-6);
}

}  // namespace
}  // namespace duet::agents
