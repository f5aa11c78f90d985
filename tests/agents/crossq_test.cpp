#include "agents/crossq.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "core/config_reader.h"
#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

CrossQConfig SmallConfig() {
  CrossQConfig config;
  config.hidden = {16, 16};
  config.critic_hidden = {16, 16};
  config.batch_size = 16;
  config.policy_delay = 1;
  config.temperature_learning_rate = 1e-2;
  config.batch_renorm.momentum = 0.9;
  config.batch_renorm.warmup_steps = 5;
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

Tensor Saved(const Agent& agent, const std::string& entry) {
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent.Save(writer); });
  return ReadTensor(*archive, entry).clone();
}

// The running statistics of all networks: the actor's, then the critics'. [M, …]
Tensor Statistics(const Agent& agent) {
  const Tensor critics = Saved(agent, "critic.statistics");
  return at::cat(
      {Saved(agent, "actor.statistics").flatten(1), critics.reshape({agent.spec().members(), -1})},
      1);
}

// The critics as the agent has saved them, [2M].
BatchRenormMlp Critics(const Agent& agent, const CrossQConfig& config) {
  BatchRenormMlp critics({.members = 2 * agent.spec().members(),
                          .input = agent.spec().observation_size + agent.spec().action_size,
                          .hidden = config.critic_hidden,
                          .output = 1},
                         config.batch_renorm, at::kCPU);
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent.Save(writer); });
  critics.Load(*archive, "critic");
  return critics;
}

// For both critics of each member, [2M, B, O + A].
Tensor CriticInput(const Tensor& observations, const Tensor& actions) {
  return at::cat({observations, actions}, 2).repeat_interleave(2, 0);
}

TEST(CrossQTest, OffersNoSettingsOfTargetNetworks) {
  AgentConfig config;
  EXPECT_THAT(
      [&] { core::ConfigFile("algorithm = \"crossq\"\ntau = 0.005\n", "a.toml", {}).Read(config); },
      testing::ThrowsMessage<ConfigError>(testing::HasSubstr("tau")));
}

TEST(CrossQTest, TheCriticsStatisticsAreThoseOfBothHalvesOfABatchTogether) {
  const CrossQConfig config = SmallConfig();
  const auto agent = MakeCrossQ(config, SmallSpec());
  Batch batch = RandomBatch(agent->spec(), 16);
  batch.observations += 3.0;
  batch.next_observations -= 1.0;
  agent->UpdateOn(batch);
  // Of the first layer's inputs, of which the running means and variances were 0 and 1; the
  // observations of both halves are known.
  const Tensor statistics = Saved(*agent, "critic.statistics").squeeze(1);
  const Tensor seen = at::cat({batch.observations, batch.next_observations}, 1);
  const std::int64_t inputs = (statistics.size(1) - 1) / 2;
  for (std::int64_t row = 0; row < 4; ++row) {
    const Tensor own = seen[row / 2];
    EXPECT_LT(LargestDifference(statistics[row].narrow(0, 0, 3), 0.1 * own.mean(0)), 1e-6);
    EXPECT_LT(LargestDifference(statistics[row].narrow(0, inputs, 3),
                                0.9 + 0.1 * own.var(0, /*unbiased=*/false)),
              1e-5);
  }
}

// Their outputs are what the joint pass gives, so that the same (s', a') has another value beside
// other (s, a).
TEST(CrossQTest, TargetsAreTheSameCriticsValuesInTheSamePass) {
  CrossQConfig config = SmallConfig();
  config.policy_delay = 100;
  config.learn_temperature = false;
  config.gamma = 0.9;
  const auto agent = MakeCrossQ(config, SmallSpec());
  Train(*agent, 0, 20);
  agent->TakeMetrics();
  Batch batch = RandomBatch(agent->spec(), 16);
  batch.noise = RandomTensor({2, 16, 4}, 6);
  const BatchRenormMlp critics = Critics(*agent, config);
  const PolicyOutput next = agent->policy().Answer(batch.next_observations);
  const auto sample =
      SampleTanhGaussian({next.location, next.log_std}, batch.noise.narrow(2, 0, 2));
  BatchRenormMlp::Tape tape;
  const Tensor values =
      critics
          .ForwardTraining(at::cat({CriticInput(batch.observations, batch.actions),
                                    CriticInput(batch.next_observations, sample.actions)},
                                   1),
                           tape)
          .view({2, 2, 32});
  const Tensor next_values = values.narrow(2, 16, 16).amin(1) - sample.log_probs;
  const Tensor targets = batch.rewards + 0.9 * (1.0 - batch.terminated) * next_values;
  const Tensor losses =
      0.5 * (values.narrow(2, 0, 16) - targets.unsqueeze(1)).square().mean(2).sum(1);
  agent->UpdateOn(batch);
  const Metrics metrics = agent->TakeMetrics();
  for (std::int64_t m = 0; m < 2; ++m) {
    const auto member = static_cast<std::size_t>(m);
    EXPECT_NEAR(metrics.at("critic_loss")[member], losses[m].item<double>(), 1e-4);
    EXPECT_NEAR(metrics.at("q_mean")[member], values[m].narrow(1, 0, 16).mean().item<double>(),
                1e-5);
  }
}

TEST(CrossQTest, ASavedRunHoldsNoTargetNetworks) {
  const auto agent = MakeCrossQ(SmallConfig(), SmallSpec());
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent->Save(writer); });
  EXPECT_TRUE(archive->Has("critic.0.weight"));
  EXPECT_FALSE(archive->Has("target_critic.0.weight"));
}

TEST(CrossQTest, StatisticsMoveOncePerUpdateOfTheirNetwork) {
  CrossQConfig config = SmallConfig();
  config.policy_delay = 3;
  const auto agent = MakeCrossQ(config, SmallSpec());
  const Tensor before = Saved(*agent, "actor.statistics");
  for (int update = 1; update <= 7; ++update) {
    agent->UpdateOn(RandomBatch(agent->spec(), 16));
    const Tensor actor = Saved(*agent, "actor.statistics").squeeze(1);
    const Tensor critics = Saved(*agent, "critic.statistics").squeeze(1);
    EXPECT_TRUE(actor.select(1, -1).eq(update / 3).all().item<bool>()) << update;
    EXPECT_TRUE(critics.select(1, -1).eq(update).all().item<bool>()) << update;
    if (update == 2) {
      EXPECT_TRUE(actor.equal(before.squeeze(1)));
    }
  }
}

// The actor sees its own observations, and not those that follow.
TEST(CrossQTest, TheActorsStatisticsAreThoseOfTheObservations) {
  const auto agent = MakeCrossQ(SmallConfig(), SmallSpec());
  Batch batch = RandomBatch(agent->spec(), 16);
  batch.next_observations += 100.0;
  agent->UpdateOn(batch);
  const Tensor statistics = Saved(*agent, "actor.statistics").squeeze(1);
  EXPECT_LT(LargestDifference(statistics.narrow(1, 0, 3), 0.1 * batch.observations.mean(1)), 1e-6);
}

TEST(CrossQTest, OnlyUpdatesMoveTheStatistics) {
  const auto agent = MakeCrossQ(SmallConfig(), SmallSpec());
  Train(*agent, 0, 20);
  const Tensor before = Statistics(*agent);
  const Tensor observations = RandomTensor({2, 8, 3}, 1) * 5.0;
  std::vector<float> actions(2 * 8 * 2);
  const std::span<const float> seen(observations.const_data_ptr<float>(), 2 * 8 * 3);
  for (const ActMode mode : {ActMode::kGreedy, ActMode::kExplore}) agent->Act(seen, mode, actions);
  ActAndObserve(*agent, ActMode::kExplore, 20);
  agent->Value(observations);
  agent->ActionValue(observations, RandomTensor({2, 8, 2}, 2).tanh());
  EXPECT_TRUE(Statistics(*agent).equal(before));
}

// As a distiller teaches: with the gradient of an evaluation, and no trace in the statistics.
TEST(CrossQTest, LessonsOfPeersDoNotEnterTheStatistics) {
  const auto agent = MakeCrossQ(SmallConfig(), SmallSpec());
  Train(*agent, 0, 20);
  const Tensor before = Statistics(*agent);
  const Tensor observations = RandomTensor({2, 8, 3}, 1) * 5.0;
  const Tensor wanted = RandomTensor({2, 8, 2}, 2).tanh();
  Policy& policy = agent->policy();
  const auto loss = [&](const PolicyOutput& answer) {
    return (answer.mean - wanted).square().mean(c10::IntArrayRef{1, 2});
  };
  const Tensor first = policy.Differentiate(observations, loss);
  EXPECT_LT(LargestDifference(first, loss(policy.Answer(observations))), 1e-6);
  policy.parameters().sub_(policy.gradients(), 0.1);
  const Tensor second = policy.Differentiate(observations, loss);
  EXPECT_TRUE(second.lt(first).all().item<bool>());
  EXPECT_TRUE(Statistics(*agent).equal(before));
}

TEST(CrossQTest, AnAnswerDoesNotDependOnWhatElseIsAsked) {
  const auto agent = MakeCrossQ(SmallConfig(), SmallSpec());
  Train(*agent, 0, 20);
  const Tensor observations = RandomTensor({2, 8, 3}, 1);
  const Tensor first = observations.narrow(1, 0, 1).contiguous();
  EXPECT_LT(LargestDifference(agent->policy().Answer(first).mean,
                              agent->policy().Answer(observations).mean.narrow(1, 0, 1)),
            1e-6);
  EXPECT_LT(LargestDifference(agent->Value(first), agent->Value(observations).narrow(1, 0, 1)),
            1e-5);
}

TEST(CrossQTest, ActionValuesAreTheSmallerOnesByTheRunningStatistics) {
  const CrossQConfig config = SmallConfig();
  const auto agent = MakeCrossQ(config, SmallSpec());
  Train(*agent, 0, 20);
  const Tensor observations = RandomTensor({2, 8, 3}, 1);
  const Tensor actions = RandomTensor({2, 8, 2}, 2).tanh();
  const Tensor values =
      Critics(*agent, config).Forward(CriticInput(observations, actions)).view({2, 2, 8});
  EXPECT_LT(LargestDifference(agent->ActionValue(observations, actions), values.amin(1)), 1e-6);
}

TEST(CrossQTest, TheTemperatureMovesTheEntropyToItsTarget) {
  for (const double target : {-5.0, 5.0}) {  // far below and above the entropy at the start
    CrossQConfig config = SmallConfig();
    config.target_entropy = target;
    const auto agent = MakeCrossQ(config, SmallSpec());
    for (int i = 0; i < 3; ++i) agent->UpdateOn(RandomBatch(agent->spec(), 16));
    // Adam's first steps are as long as its learning rate.
    EXPECT_LT(LargestDifference(Saved(*agent, "log_temperature"),
                                at::full({2, 1}, target < 0.0 ? -0.03 : 0.03)),
              1e-3);
  }
}

TEST(CrossQTest, AFixedTemperatureStays) {
  CrossQConfig config = SmallConfig();
  config.learn_temperature = false;
  config.initial_temperature = 0.2;
  const auto agent = MakeCrossQ(config, SmallSpec());
  Train(*agent, 0, 20);
  EXPECT_LT(LargestDifference(Saved(*agent, "log_temperature").exp(), at::full({2, 1}, 0.2)), 1e-6);
  const Metrics metrics = agent->TakeMetrics();
  EXPECT_NEAR(metrics.at("ent_coef")[1], 0.2, 1e-6);
  EXPECT_FALSE(metrics.contains("ent_coef_loss"));
}

TEST(CrossQTest, ANonFiniteRewardNamesTheLossAndMemberAndChangesNothing) {
  const auto agent = MakeCrossQ(SmallConfig(), SmallSpec());
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
  std::function<void(CrossQConfig&)> turn;
};

class CrossQKnobTest : public testing::TestWithParam<Knob> {};

INSTANTIATE_TEST_SUITE_P(
    Knobs, CrossQKnobTest,
    testing::Values(
        Knob{"gamma", [](CrossQConfig& c) { c.gamma = 0.5; }},
        Knob{"n_step", [](CrossQConfig& c) { c.n_step = 3; }},
        Knob{"batch_size", [](CrossQConfig& c) { c.batch_size = 8; }},
        Knob{"replay_capacity", [](CrossQConfig& c) { c.replay_capacity = 12; }},
        Knob{"actor_learning_rate", [](CrossQConfig& c) { c.actor_learning_rate = 2e-3; }},
        Knob{"critic_learning_rate", [](CrossQConfig& c) { c.critic_learning_rate = 2e-3; }},
        Knob{"adam_beta1", [](CrossQConfig& c) { c.adam_beta1 = 0.9; }},
        Knob{"policy_delay", [](CrossQConfig& c) { c.policy_delay = 2; }},
        Knob{"learn_temperature", [](CrossQConfig& c) { c.learn_temperature = false; }},
        Knob{"initial_temperature", [](CrossQConfig& c) { c.initial_temperature = 0.1; }},
        Knob{"temperature_learning_rate",
             [](CrossQConfig& c) { c.temperature_learning_rate = 0.1; }},
        Knob{"target_entropy", [](CrossQConfig& c) { c.target_entropy = 5.0; }},
        Knob{"log_std_bounds", [](CrossQConfig& c) { c.log_std_bounds = LogStdBounds::kRescale; }},
        Knob{"max_gradient_norm", [](CrossQConfig& c) { c.max_gradient_norm = 1e-8; }},
        Knob{"reward_scale", [](CrossQConfig& c) { c.reward_scale = 0.1; }},
        Knob{"normalize_observations", [](CrossQConfig& c) { c.normalize_observations = true; }},
        Knob{"initialization",
             [](CrossQConfig& c) { c.initialization.kind = InitializationKind::kOrthogonal; }},
        Knob{"final_layer_scale",
             [](CrossQConfig& c) { c.initialization.final_layer_scale = 3e-3; }},
        Knob{"momentum", [](CrossQConfig& c) { c.batch_renorm.momentum = 0.95; }},
        Knob{"epsilon", [](CrossQConfig& c) { c.batch_renorm.epsilon = 1e-2; }},
        Knob{"r_max", [](CrossQConfig& c) { c.batch_renorm.r_max = 1.01; }},
        Knob{"d_max", [](CrossQConfig& c) { c.batch_renorm.d_max = 0.01; }},
        Knob{"warmup_steps", [](CrossQConfig& c) { c.batch_renorm.warmup_steps = 10; }}),
    [](const auto& info) { return info.param.name; });

TEST_P(CrossQKnobTest, ChangesWhatIsLearned) {
  const auto learned = [](const CrossQConfig& config) {
    const auto agent = MakeCrossQ(config, SmallSpec({1}));
    Train(*agent, 0, 30);
    return Networks(*agent);
  };
  CrossQConfig turned = SmallConfig();
  GetParam().turn(turned);
  EXPECT_GT(LargestDifference(learned(SmallConfig()), learned(turned)), 1e-6);
}

TEST(CrossQTest, ActorAndCriticsHaveSizesOfTheirOwn) {
  CrossQConfig config = SmallConfig();
  config.hidden = {7};
  config.critic_hidden = {5, 9};
  const auto agent = MakeCrossQ(config, SmallSpec());
  Train(*agent, 0, 20);
  EXPECT_EQ(Saved(*agent, "actor.0.weight").sizes(), at::IntArrayRef({2, 3, 7}));
  EXPECT_EQ(Saved(*agent, "critic.1.weight").sizes(), at::IntArrayRef({4, 5, 9}));
}

// A first step of Adam does not know beta1, and the second does by how much the first one counts.
TEST(CrossQTest, Beta1IsThatOfActorAndCriticsAndNotOfTheTemperature) {
  const auto after = [](double beta1, int updates) {
    CrossQConfig config = SmallConfig();
    config.adam_beta1 = beta1;
    config.critic_learning_rate = 0.0;  // so that the actor's gradients, and entropies, stay
    config.actor_learning_rate = 0.0;
    auto agent = MakeCrossQ(config, SmallSpec());
    for (int i = 0; i < updates; ++i) agent->UpdateOn(RandomBatch(agent->spec(), 16));
    return agent;
  };
  for (const char* name : {"actor", "critic"}) {
    const std::string entry = fmt::format("{}_optimizer.first_moment", name);
    const Tensor half = Saved(*after(0.5, 1), entry), tenth = Saved(*after(0.9, 1), entry);
    EXPECT_GT(half.abs().max().item<double>(), 0.0);
    EXPECT_LT(LargestDifference(half * 0.2, tenth), 1e-6) << name;
  }
  const std::string entry = "temperature_optimizer.first_moment";
  EXPECT_TRUE(Saved(*after(0.5, 2), entry).equal(Saved(*after(0.9, 2), entry)));
}

TEST(CrossQTest, HasTheDefaultsOfTheAuthorsCode) {
  const CrossQConfig config;
  EXPECT_EQ(config.hidden, (std::vector<std::int64_t>{256, 256}));
  EXPECT_EQ(config.critic_hidden, (std::vector<std::int64_t>{2048, 2048}));
  EXPECT_EQ(config.actor_learning_rate, 1e-3);
  EXPECT_EQ(config.adam_beta1, 0.5);
  EXPECT_EQ(config.policy_delay, 3);
  EXPECT_EQ(config.batch_renorm.momentum, 0.99);
  EXPECT_EQ(config.batch_renorm.warmup_steps, 100'000);
}

}  // namespace
}  // namespace duet::agents
