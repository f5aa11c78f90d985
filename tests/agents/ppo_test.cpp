#include "agents/ppo.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

PpoConfig SmallConfig() {
  PpoConfig config;
  config.hidden = {16, 16};
  config.rollout_steps = 12;
  config.batch_size = 10;
  config.epochs = 3;
  return config;
}

AgentSpec DiscreteSpec(std::vector<std::uint64_t> member_seeds = {1, 2}) {
  AgentSpec spec = SmallSpec(std::move(member_seeds));
  spec.action_size = 1;
  spec.num_actions = 4;
  return spec;
}

void Collect(Agent& agent, std::uint64_t first_step = 0) {
  for (std::uint64_t step = first_step; !agent.UpdateDue(); ++step) {
    ActAndObserve(agent, ActMode::kExplore, step);
  }
}

std::int64_t CountUpdates(Agent& agent) {
  std::int64_t count = 0;
  for (; agent.UpdateDue(); ++count) agent.Update();
  return count;
}

std::unique_ptr<core::ArchiveReader> Saved(const Agent& agent) {
  return Written([&](core::ArchiveWriter& writer) { agent.Save(writer); });
}

TEST(PpoTest, LearnsWhenTheRolloutIsFullInEpochsOfMinibatches) {
  AgentSpec spec = SmallSpec();
  spec.envs = 2;
  const auto agent = MakePpo(SmallConfig(), spec);
  for (std::uint64_t step = 0; step < 12; ++step) {
    EXPECT_FALSE(agent->UpdateDue());
    ActAndObserve(*agent, ActMode::kExplore, step);
  }
  EXPECT_THROW(ActAndObserve(*agent, ActMode::kExplore, 12), std::logic_error);
  EXPECT_EQ(CountUpdates(*agent), 3 * 2);  // 24 transitions are two minibatches of 12
  EXPECT_THROW(agent->Update(), std::logic_error);
}

TEST(PpoTest, TheRatioIsOneBeforeTheFirstStep) {
  for (const AgentSpec& spec : {SmallSpec(), DiscreteSpec()}) {
    PpoConfig config = SmallConfig();
    config.learning_rate = 3e-3;
    const auto agent = MakePpo(config, spec);
    for (std::uint64_t rollout = 0; rollout < 3; ++rollout) {
      Collect(*agent, 100 * rollout);
      agent->Update();
      const Metrics metrics = agent->TakeMetrics();
      for (const double kl : metrics.at("approx_kl")) EXPECT_LT(std::abs(kl), 1e-6);
      for (const double share : metrics.at("clip_fraction")) EXPECT_EQ(share, 0.0);
      CountUpdates(*agent);
      EXPECT_GT(agent->TakeMetrics().at("approx_kl")[0], 1e-6);
    }
  }
}

// Tolerance: as for the other agents.
TEST(PpoTest, AMemberBecomesTheSameWhoeverRunsBesideItAndWhoeverStops) {
  for (const bool discrete : {false, true}) {
    PpoConfig config = SmallConfig();
    config.learning_rate = 3e-3;
    config.target_kl = 0.02;
    const std::vector<std::uint64_t> seeds = {11, 22, 33};
    const auto together = MakePpo(config, discrete ? DiscreteSpec(seeds) : SmallSpec(seeds));
    Train(*together, 0, 100);
    for (std::size_t m = 0; m < seeds.size(); ++m) {
      const auto alone =
          MakePpo(config, discrete ? DiscreteSpec({seeds[m]}) : SmallSpec({seeds[m]}));
      Train(*alone, 0, 100);
      const auto row = static_cast<std::int64_t>(m);
      EXPECT_LT(LargestDifference(Networks(*together)[row], Networks(*alone)[0]), 1e-4);
    }
  }
}

TEST(PpoTest, NumbersDoNotDependOnThreads) {
  for (const std::vector<std::uint64_t>& seeds : {std::vector<std::uint64_t>{1}, {1, 2}}) {
    AgentSpec spec = SmallSpec(seeds);
    const auto one = MakePpo(SmallConfig(), spec);
    spec.threads = 2;
    const auto two = MakePpo(SmallConfig(), spec);
    Train(*one, 0, 40);
    Train(*two, 0, 40);
    EXPECT_LT(LargestDifference(Networks(*one), Networks(*two)), 1e-5);
  }
}

TEST(PpoTest, AMemberThatMovedTooFarTakesNoMoreStepsOfTheRollout) {
  PpoConfig config = SmallConfig();
  config.epochs = 1000;
  config.target_kl = 0.01;
  config.learning_rate = 3e-3;
  const auto agent = MakePpo(config, SmallSpec({1, 2, 3}));
  Collect(*agent);
  // Each member moves for a while; when nobody does, the rollout is done.
  std::vector<std::int64_t> num_steps(3, 0);
  Tensor before = Networks(*agent);
  while (agent->UpdateDue()) {
    agent->Update();
    const Tensor after = Networks(*agent);
    for (std::int64_t m = 0; m < 3; ++m) {
      const bool moved = !after[m].equal(before[m]);
      if (moved) ++num_steps[static_cast<std::size_t>(m)];
    }
    before = after;
  }
  EXPECT_THAT(num_steps, testing::Each(testing::AllOf(testing::Gt(0), testing::Lt(1000))));
  EXPECT_FALSE(num_steps[0] == num_steps[1] && num_steps[1] == num_steps[2]);
}

TEST(PpoTest, TrainingGoesOnBitForBitAfterLoadingAmidAnEpoch) {
  for (const bool recompute : {false, true}) {
    PpoConfig config = SmallConfig();
    config.batch_size = 4;
    config.recompute_advantages = recompute;
    config.target_kl = 0.02;
    const auto whole = MakePpo(config, SmallSpec());
    Collect(*whole);
    for (int i = 0; i < 4; ++i) whole->Update();  // of three minibatches an epoch
    const auto archive = Saved(*whole);
    const auto other = MakePpo(config, SmallSpec());
    other->Load(*archive);
    for (Agent* agent : {whole.get(), other.get()}) {
      CountUpdates(*agent);
      Train(*agent, 50, 30);
    }
    EXPECT_TRUE(Networks(*whole).equal(Networks(*other)));
    EXPECT_EQ(whole->TakeMetrics(), other->TakeMetrics());
  }
}

TEST(PpoTest, DiscreteActionsAreIndices) {
  const auto agent = MakePpo(SmallConfig(), DiscreteSpec());
  const Tensor observations = RandomTensor({2, 50, 3}, 1);
  const std::span<const float> seen(observations.const_data_ptr<float>(), 2 * 50 * 3);
  std::vector<float> actions(2 * 50);
  agent->Act(seen, ActMode::kGreedy, actions);
  const PolicyOutput answer = agent->policy().Answer(observations);
  EXPECT_EQ(answer.distribution(), Distribution::kCategorical);
  EXPECT_EQ(answer.logits.sizes(), at::IntArrayRef({2, 50, 4}));
  EXPECT_TRUE(at::tensor(actions).equal(answer.mean.flatten()));
  EXPECT_TRUE(answer.logits.argmax(2).to(at::kFloat).equal(answer.mean.squeeze(2)));
}

// Nearly uniform logits at the start: every action is drawn a quarter of the time.
TEST(PpoTest, DiscreteActionsAreDrawnByTheirProbability) {
  AgentSpec spec = DiscreteSpec({1});
  spec.envs = 2000;
  const auto agent = MakePpo(SmallConfig(), spec);
  const std::vector<float> observations(2000 * 3, 0.5F);
  std::vector<float> actions(2000);
  agent->Act(observations, ActMode::kExplore, actions);
  for (const float action : {0.0F, 1.0F, 2.0F, 3.0F}) {
    EXPECT_NEAR(std::count(actions.begin(), actions.end(), action), 500, 80) << action;
  }
}

TEST(PpoTest, LearnsFromDrawsAsTheyWereBeforeClipping) {
  PpoConfig config = SmallConfig();
  config.initial_log_std = 1.5;  // most draws lie outside [-1, 1]
  const auto agent = MakePpo(config, SmallSpec());
  Collect(*agent);
  const Tensor actions = ReadTensor(*Saved(*agent), "rollout.actions");
  EXPECT_GT((actions.abs() > 1.0).to(at::kFloat).mean().item<double>(), 0.5);
  std::vector<core::Rng> rngs = {core::Rng(1), core::Rng(2)};
  EXPECT_LE(agent->replay().Sample(rngs, {.batch_size = 12}).actions.abs().max().item<float>(),
            1.0F);
}

TEST(PpoTest, TheReplayHoldsRawObservations) {
  const auto agent = MakePpo(SmallConfig(), SmallSpec({1}));
  const std::vector<float> observations = {100, 200, 300}, actions = {0, 0};
  const std::vector<std::uint8_t> no = {0};
  for (int i = 0; i < 3; ++i) {
    agent->Observe({observations, actions, std::vector<double>{1.0}, observations, no, no});
  }
  std::vector<core::Rng> rngs = {core::Rng(1)};
  const Batch batch = agent->replay().Sample(rngs, {.batch_size = 1});
  EXPECT_TRUE(batch.observations.flatten().equal(at::tensor({100.0F, 200.0F, 300.0F})));
}

TEST(PpoTest, TheLearningRateFallsFromRolloutToRollout) {
  PpoConfig config = SmallConfig();
  config.anneal_learning_rate = true;
  const auto agent = MakePpo(config, SmallSpec());
  for (const double begun : {0.0, 0.25, 0.5}) {
    Collect(*agent);
    agent->SetProgress(begun + 0.25);
    CountUpdates(*agent);
    EXPECT_THAT(agent->TakeMetrics().at("learning_rate"),
                testing::Each(testing::DoubleNear(3e-4 * (1.0 - begun), 1e-9)));
  }
}

// Rewards a thousand times as large give the same networks, and values a thousand times as large.
TEST(PpoTest, ValuesAreInUnitsOfTheTasksRewards) {
  const auto train = [](double factor) {
    auto agent = MakePpo(SmallConfig(), SmallSpec({1}));
    core::Rng rng(5);
    for (int step = 0; step < 24; ++step) {
      const std::vector<float> observations = {static_cast<float>(rng.Normal()), 1, 2};
      const std::vector<double> rewards = {factor * (1.0 + rng.Normal())};
      const std::vector<std::uint8_t> no = {0},
                                      ended = {step % 5 == 4 ? std::uint8_t{1} : std::uint8_t{0}};
      std::vector<float> actions(2);
      agent->Act(observations, ActMode::kExplore, actions);
      agent->Observe({observations, actions, rewards, observations, ended, no});
      while (agent->UpdateDue()) agent->Update();
    }
    return agent->Value(RandomTensor({1, 4, 3}, 1));
  };
  const Tensor values = train(1.0);
  // Not exactly, since the first reward is taken as it is.
  EXPECT_LT(LargestDifference(train(1000.0) / 1000.0, values),
            0.1 * values.abs().max().item<double>());
}

TEST(PpoTest, AGivenBatchIsTakenAsRolloutsOfOneStep) {
  PpoConfig config = SmallConfig();
  config.normalize_rewards = false;
  const auto agent = MakePpo(config, SmallSpec());
  const Batch batch{.observations = RandomTensor({2, 8, 3}, 1),
                    .actions = RandomTensor({2, 8, 2}, 2).tanh(),
                    .rewards = RandomTensor({2, 8}, 3),
                    .next_observations = RandomTensor({2, 8, 3}, 4),
                    .terminated = (RandomTensor({2, 8}, 5) > 0).to(at::kFloat)};
  const Tensor errors =
      batch.rewards +
      config.gamma * (1.0 - batch.terminated) * agent->Value(batch.next_observations) -
      agent->Value(batch.observations);
  agent->UpdateOn(batch);
  const Metrics metrics = agent->TakeMetrics();
  for (std::int64_t m = 0; m < 2; ++m) {
    const auto i = static_cast<std::size_t>(m);
    EXPECT_NEAR(metrics.at("value_loss")[i], errors[m].square().mean().item<double>(), 1e-5);
    EXPECT_NEAR(metrics.at("approx_kl")[i], 0.0, 1e-6);
  }
}

TEST(PpoTest, ANonFiniteRewardNamesTheLossAndMemberAndChangesNothing) {
  PpoConfig config = SmallConfig();
  config.normalize_rewards = false;
  const auto agent = MakePpo(config, SmallSpec());
  const std::vector<float> observations = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> no(2);
  std::vector<float> actions(4);
  while (!agent->UpdateDue()) {
    agent->Act(observations, ActMode::kExplore, actions);
    const std::vector<double> rewards = {1.0, std::numeric_limits<double>::quiet_NaN()};
    agent->Observe({observations, actions, rewards, observations, no, no});
  }
  const Tensor before = Networks(*agent);
  EXPECT_THAT([&] { agent->Update(); },
              ThrowsMessage<NonFiniteError>(HasSubstr("loss of member 1 is nan")));
  EXPECT_TRUE(Networks(*agent).equal(before));
}

TEST(PpoTest, SaysThatItHasNoActionValues) {
  const auto agent = MakePpo(SmallConfig(), SmallSpec());
  EXPECT_THAT(
      [&] {
        agent->ActionValue(RandomTensor({2, 1, 3}, 1), RandomTensor({2, 1, 2}, 1));
      },
      ThrowsMessage<ConfigError>(HasSubstr("values of states and none of actions")));
}

}  // namespace
}  // namespace duet::agents
