#include "agents/ddpg.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

DdpgConfig SmallConfig() {
  DdpgConfig config;
  config.hidden = {16, 16};
  config.batch_size = 16;
  config.normalize_observations = true;
  config.noise.kind = NoiseKind::kOrnsteinUhlenbeck;
  return config;
}

// One transition per member, as a batch.
Batch OneTransition(const AgentSpec& spec, float reward, float terminated) {
  return {.observations = RandomTensor({spec.members(), 1, spec.observation_size}, 1),
          .actions = RandomTensor({spec.members(), 1, spec.action_size}, 2).tanh(),
          .rewards = at::full({spec.members(), 1}, reward),
          .next_observations = RandomTensor({spec.members(), 1, spec.observation_size}, 3),
          .terminated = at::full({spec.members(), 1}, terminated)};
}

// The squared Bellman error of the agent as it is, by its public estimates; right after its making,
// target and online networks are the same.
Tensor BellmanError(const Agent& agent, const Batch& batch, double gamma) {
  const Tensor targets =
      batch.rewards + gamma * (1.0 - batch.terminated) * agent.Value(batch.next_observations);
  return (agent.ActionValue(batch.observations, batch.actions) - targets).square().mean(1);
}

TEST(DdpgTest, BootstrapsWithTheFinalObservationUnlessTerminated) {
  for (const float terminated : {0.0F, 1.0F}) {
    DdpgConfig config = SmallConfig();
    config.normalize_observations = false;
    config.final_layer_scale = 0.0;  // so that values are not near zero
    const auto agent = MakeDdpg(config, SmallSpec());
    const Batch batch = OneTransition(agent->spec(), 0.5F, terminated);
    const Tensor expected = BellmanError(*agent, batch, config.gamma);
    agent->UpdateOn(batch);
    const Metrics metrics = agent->TakeMetrics();
    for (std::int64_t m = 0; m < 2; ++m) {
      EXPECT_NEAR(metrics.at("critic_loss")[static_cast<std::size_t>(m)],
                  expected[m].item<double>(), 1e-6);
    }
  }
}

TEST(DdpgTest, TheValueOfAStateIsThatOfThePolicysAction) {
  const auto agent = MakeDdpg(SmallConfig(), SmallSpec());
  const Tensor observations = RandomTensor({2, 5, 3}, 1);
  const Tensor actions = agent->policy().Answer(observations).mean;
  EXPECT_LT(
      LargestDifference(agent->Value(observations), agent->ActionValue(observations, actions)),
      1e-6);
}

TEST(DdpgTest, ATruncatedTransitionIsStoredAsOneThatGoesOn) {
  const auto agent = MakeDdpg(SmallConfig(), SmallSpec({1}));
  const std::vector<float> observations = {1, 2, 3}, final_observations = {4, 5, 6},
                           actions = {0, 0};
  const std::vector<double> rewards = {1.0};
  const std::vector<std::uint8_t> no = {0}, yes = {1};
  std::vector<core::Rng> rngs = {core::Rng(1)};
  agent->Observe({observations, actions, rewards, final_observations, no, yes});
  const Batch truncated = agent->replay().Sample(rngs, {.batch_size = 1, .recent = 1});
  EXPECT_EQ(truncated.terminated.item<float>(), 0.0F);
  EXPECT_TRUE(truncated.next_observations.flatten().equal(at::tensor({4.0F, 5.0F, 6.0F})));
  agent->Observe({observations, actions, rewards, final_observations, yes, no});
  EXPECT_EQ(agent->replay().Sample(rngs, {.batch_size = 1, .recent = 1}).terminated.item<float>(),
            1.0F);
}

// Tolerance: the products of other batch sizes may add in another order, and Adam's first steps
// turn tiny differences of gradients near zero into differences of the step's size at worst.
TEST(DdpgTest, AMemberBecomesTheSameWhoeverRunsBesideIt) {
  for (const std::int64_t envs : {1, 3}) {
    AgentSpec spec = SmallSpec({11, 22, 33});
    spec.envs = envs;
    const auto together = MakeDdpg(SmallConfig(), spec);
    spec.member_seeds = {22};
    const auto alone = MakeDdpg(SmallConfig(), spec);
    EXPECT_TRUE(Networks(*together)[1].equal(Networks(*alone)[0]));
    Train(*together, 0, 60);
    Train(*alone, 0, 60);
    EXPECT_LT(LargestDifference(Networks(*together)[1], Networks(*alone)[0]), 1e-4);
    EXPECT_GT(LargestDifference(Networks(*together)[0], Networks(*alone)[0]), 1e-2);
    const auto stream = [](const Agent& agent, const std::string& name) {
      return Written([&](core::ArchiveWriter& writer) { agent.Save(writer); })->GetText(name);
    };
    for (const char* name : {"exploration_rng", "replay_rng"}) {
      EXPECT_EQ(stream(*together, fmt::format("{}.1", name)),
                stream(*alone, fmt::format("{}.0", name)));
    }
  }
}

TEST(DdpgTest, SaysWhatInAFileDoesNotFit) {
  const auto agent = MakeDdpg(SmallConfig(), SmallSpec());
  Train(*agent, 0, 12);
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent->Save(writer); });
  DdpgConfig narrow = SmallConfig();
  narrow.hidden = {8, 16};
  EXPECT_THAT([&] { MakeDdpg(narrow, SmallSpec())->Load(*archive); },
              ThrowsMessage<IoError>(
                  HasSubstr("\"actor.0.weight\" is a layer of 3 -> 16; this run needs 3 -> 8")));
  EXPECT_THAT(
      [&] {
        MakeDdpg(SmallConfig(), SmallSpec({1, 2, 3}))->Load(*archive);
      },
      ThrowsMessage<IoError>(HasSubstr("member 2 is asked for; there are 2")));
  const auto policy = Written([&](core::ArchiveWriter& writer) { agent->SavePolicy(writer); });
  EXPECT_THAT([&] { MakeDdpg(SmallConfig(), SmallSpec())->Load(*policy); },
              ThrowsMessage<IoError>(HasSubstr("target_actor.0.weight")));
}

TEST(DdpgTest, ANonFiniteRewardNamesTheLossAndMemberAndChangesNothing) {
  const auto agent = MakeDdpg(SmallConfig(), SmallSpec());
  Train(*agent, 0, 12);
  const Tensor before = Networks(*agent);
  Batch batch = OneTransition(agent->spec(), 0.0F, 0.0F);
  batch.rewards[1].fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT([&] { agent->UpdateOn(batch); },
              ThrowsMessage<NonFiniteError>(HasSubstr("the critic loss of member 1 is nan")));
  EXPECT_TRUE(Networks(*agent).equal(before));
}

TEST(DdpgTest, ANonFiniteActorNamesItsLossAndLeavesIt) {
  const auto agent = MakeDdpg(SmallConfig(), SmallSpec());
  agent->policy().parameters()[0] = std::numeric_limits<float>::quiet_NaN();
  const Tensor before = agent->policy().parameters().clone();
  EXPECT_THAT([&] { agent->UpdateOn(OneTransition(agent->spec(), 0.0F, 0.0F)); },
              ThrowsMessage<NonFiniteError>(HasSubstr("the actor loss of member 0 is nan")));
  EXPECT_TRUE(at::allclose(agent->policy().parameters(), before, 0.0, 0.0, /*equal_nan=*/true));
}

TEST(DdpgTest, MetricsAreAveragesSinceTheyWereLastTaken) {
  const auto agent = MakeDdpg(SmallConfig(), SmallSpec());
  EXPECT_TRUE(agent->TakeMetrics().empty());
  const Batch batch = OneTransition(agent->spec(), 1.0F, 1.0F);
  double sum = 0.0;
  const auto other = MakeDdpg(SmallConfig(), SmallSpec());
  for (int i = 0; i < 3; ++i) {
    agent->UpdateOn(batch);
    other->UpdateOn(batch);
    sum += other->TakeMetrics().at("critic_loss")[0];
  }
  EXPECT_NEAR(agent->TakeMetrics().at("critic_loss")[0], sum / 3, 1e-6);
  EXPECT_TRUE(agent->TakeMetrics().empty());
}

struct Knob {
  std::string name;
  std::function<void(DdpgConfig&)> turn;
};

class DdpgKnobTest : public testing::TestWithParam<Knob> {};

INSTANTIATE_TEST_SUITE_P(
    Knobs, DdpgKnobTest,
    testing::Values(
        Knob{"gamma", [](DdpgConfig& c) { c.gamma = 0.5; }},
        Knob{"tau", [](DdpgConfig& c) { c.tau = 0.5; }},
        Knob{"batch_size", [](DdpgConfig& c) { c.batch_size = 17; }},
        Knob{"replay_capacity", [](DdpgConfig& c) { c.replay_capacity = 8; }},
        Knob{"actor_learning_rate", [](DdpgConfig& c) { c.actor_learning_rate = 2e-3; }},
        Knob{"critic_learning_rate", [](DdpgConfig& c) { c.critic_learning_rate = 2e-3; }},
        Knob{"critic_l2", [](DdpgConfig& c) { c.critic_l2 = 0.1; }},
        Knob{"max_gradient_norm", [](DdpgConfig& c) { c.max_gradient_norm = 1e-8; }},
        Knob{"final_layer_scale", [](DdpgConfig& c) { c.final_layer_scale = 0.0; }},
        Knob{"reward_scale", [](DdpgConfig& c) { c.reward_scale = 0.1; }},
        Knob{"normalize_observations", [](DdpgConfig& c) { c.normalize_observations = false; }},
        Knob{"observation_clip", [](DdpgConfig& c) { c.observation_clip = 0.5; }},
        Knob{"noise_kind", [](DdpgConfig& c) { c.noise.kind = NoiseKind::kGaussian; }},
        Knob{"noise_std", [](DdpgConfig& c) { c.noise.std = 0.3; }},
        Knob{"noise_theta", [](DdpgConfig& c) { c.noise.theta = 0.5; }}),
    [](const auto& info) { return info.param.name; });

TEST_P(DdpgKnobTest, ChangesWhatIsLearned) {
  const auto learned = [](const DdpgConfig& config) {
    const auto agent = MakeDdpg(config, SmallSpec({1}));
    Train(*agent, 0, 30);
    return Networks(*agent);
  };
  DdpgConfig turned = SmallConfig();
  GetParam().turn(turned);
  EXPECT_GT(LargestDifference(learned(SmallConfig()), learned(turned)), 1e-6);
}

TEST(DdpgTest, HiddenSetsTheSizeOfTheNetworks) {
  DdpgConfig config = SmallConfig();
  config.hidden = {5};
  EXPECT_EQ(MakeDdpg(config, SmallSpec({1}))->policy().parameters().numel(), 3 * 5 + 5 + 5 * 2 + 2);
}

}  // namespace
}  // namespace duet::agents
