#include "agents/td3.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

Td3Config SmallConfig() {
  Td3Config config;
  config.hidden = {16, 16};
  config.batch_size = 16;
  config.actor_learning_rate = 1e-3;
  config.critic_learning_rate = 1e-3;
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

// The entry `name` of all that the agent saves.
Tensor Saved(const Agent& agent, const std::string& name) {
  return ReadTensor(*Written([&](core::ArchiveWriter& writer) { agent.Save(writer); }), name);
}

TEST(Td3Test, ValuesAreTheSmallerOfTwoCritics) {
  const auto agent = MakeTd3(SmallConfig(), SmallSpec());
  const Batch batch = RandomBatch(agent->spec(), 5);
  Mlp critics({.members = 4, .input = 5, .hidden = {16, 16}, .output = 1}, at::kCPU);
  critics.Load(*Written([&](core::ArchiveWriter& writer) { agent->SavePolicy(writer); }), "critic");
  const Tensor input = at::cat({batch.observations, batch.actions}, 2);
  const Tensor values = critics.Forward(input.index_select(0, at::tensor({0, 0, 1, 1}))).squeeze(2);
  const Tensor smaller =
      at::stack({at::minimum(values[0], values[1]), at::minimum(values[2], values[3])});
  EXPECT_LT(LargestDifference(agent->ActionValue(batch.observations, batch.actions), smaller),
            1e-6);
  EXPECT_GT(LargestDifference(values[0], values[1]), 1e-2);  // they are drawn apart
}

TEST(Td3Test, TheValueOfAStateIsThatOfThePolicysAction) {
  const auto agent = MakeTd3(SmallConfig(), SmallSpec());
  const Tensor observations = RandomTensor({2, 5, 3}, 1);
  const Tensor actions = agent->policy().Answer(observations).mean;
  EXPECT_TRUE(agent->Value(observations).equal(agent->ActionValue(observations, actions)));
}

TEST(Td3Test, ActorAndTargetsMoveAtEveryUpdateThatThePolicyDelayAllows) {
  Td3Config config = SmallConfig();
  config.policy_delay = 3;
  const auto agent = MakeTd3(config, SmallSpec());
  const Batch batch = RandomBatch(agent->spec(), 16);
  for (int update = 1; update <= 7; ++update) {
    const Tensor actor = agent->policy().parameters().clone();
    const Tensor critic = Saved(*agent, "critic.0.weight");
    const Tensor target_actor = Saved(*agent, "target_actor.0.weight");
    const Tensor target_critic = Saved(*agent, "target_critic.0.weight");
    agent->UpdateOn(batch);
    const bool stays = update % 3 != 0;
    EXPECT_EQ(agent->policy().parameters().equal(actor), stays) << update;
    EXPECT_EQ(Saved(*agent, "target_actor.0.weight").equal(target_actor), stays) << update;
    EXPECT_EQ(Saved(*agent, "target_critic.0.weight").equal(target_critic), stays) << update;
    EXPECT_FALSE(Saved(*agent, "critic.0.weight").equal(critic)) << update;
    EXPECT_EQ(agent->TakeMetrics().contains("actor_loss"), !stays) << update;
  }
}

TEST(Td3Test, TargetNoiseIsBounded) {
  const auto learned = [](double noise, double clip) {
    Td3Config config = SmallConfig();
    config.target_noise = noise;
    config.noise_clip = clip;
    const auto agent = MakeTd3(config, SmallSpec());
    agent->UpdateOn(RandomBatch(agent->spec(), 16));
    return Networks(*agent);
  };
  EXPECT_TRUE(learned(0.2, 0.0).equal(learned(0.0, 0.5)));
  EXPECT_FALSE(learned(0.2, 0.5).equal(learned(0.0, 0.5)));
}

TEST(Td3Test, ANonFiniteRewardNamesTheLossAndMemberAndChangesNothing) {
  const auto agent = MakeTd3(SmallConfig(), SmallSpec());
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
  std::function<void(Td3Config&)> turn;
};

class Td3KnobTest : public testing::TestWithParam<Knob> {};

INSTANTIATE_TEST_SUITE_P(
    Knobs, Td3KnobTest,
    testing::Values(
        Knob{"gamma", [](Td3Config& c) { c.gamma = 0.5; }},
        Knob{"n_step", [](Td3Config& c) { c.n_step = 3; }},
        Knob{"tau", [](Td3Config& c) { c.tau = 0.5; }},
        Knob{"batch_size", [](Td3Config& c) { c.batch_size = 17; }},
        Knob{"actor_learning_rate", [](Td3Config& c) { c.actor_learning_rate = 2e-3; }},
        Knob{"critic_learning_rate", [](Td3Config& c) { c.critic_learning_rate = 2e-3; }},
        Knob{"policy_delay", [](Td3Config& c) { c.policy_delay = 1; }},
        Knob{"target_noise", [](Td3Config& c) { c.target_noise = 0.4; }},
        Knob{"noise_clip", [](Td3Config& c) { c.noise_clip = 0.1; }},
        Knob{"max_gradient_norm", [](Td3Config& c) { c.max_gradient_norm = 1e-8; }},
        Knob{"reward_scale", [](Td3Config& c) { c.reward_scale = 0.1; }},
        Knob{"normalize_observations", [](Td3Config& c) { c.normalize_observations = true; }},
        Knob{"initialization",
             [](Td3Config& c) { c.initialization.kind = InitializationKind::kOrthogonal; }},
        Knob{"final_layer_scale", [](Td3Config& c) { c.initialization.final_layer_scale = 3e-3; }},
        Knob{"noise_std", [](Td3Config& c) { c.noise.std = 0.3; }}),
    [](const auto& info) { return info.param.name; });

TEST_P(Td3KnobTest, ChangesWhatIsLearned) {
  const auto learned = [](const Td3Config& config) {
    const auto agent = MakeTd3(config, SmallSpec({1}));
    Train(*agent, 0, 30);
    return Networks(*agent);
  };
  Td3Config turned = SmallConfig();
  GetParam().turn(turned);
  EXPECT_GT(LargestDifference(learned(SmallConfig()), learned(turned)), 1e-6);
}

}  // namespace
}  // namespace duet::agents
