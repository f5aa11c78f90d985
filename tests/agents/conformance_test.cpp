// What every agent in the table promises (agents/agent.h).
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <cmath>
#include <thread>

#include "agents/host_loops.h"
#include "agents/registry.h"
#include "core/config_reader.h"
#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

class AgentConformanceTest : public testing::TestWithParam<AgentCase> {
 protected:
  // The networks are too small for more, and threads that wait for each other take turns.
  AgentConformanceTest() { at::set_num_threads(1); }

  static AgentSpec Spec(std::vector<std::uint64_t> member_seeds) {
    return GetParam().spec(std::move(member_seeds));
  }

  static std::unique_ptr<Agent> Make(const AgentSpec& spec = Spec({1, 2, 3})) {
    const std::string_view algorithm = GetParam().algorithm;
    AgentConfig config;
    core::ConfigFile(fmt::format("algorithm = \"{}\"\nhidden = [16, 16]\nbatch_size = 16\n"
                                 "normalize_observations = true\n{}{}",
                                 algorithm, GetParam().small_settings(),
                                 algorithm == "ppo" ? "rollout_steps = 16\n" : ""),
                     "conformance.toml", {})
        .Read(config);
    return MakeAgent(config, spec);
  }

  static std::vector<float> Act(Agent& agent, ActMode mode, std::int64_t envs = 1) {
    const AgentSpec& spec = agent.spec();
    const Tensor observations = RandomTensor({spec.members(), envs, spec.observation_size}, 5);
    std::vector<float> actions(static_cast<std::size_t>(spec.members() * envs * spec.action_size));
    agent.Act(
        {observations.const_data_ptr<float>(), static_cast<std::size_t>(observations.numel())},
        mode, actions);
    return actions;
  }
};

INSTANTIATE_TEST_SUITE_P(Agents, AgentConformanceTest, testing::ValuesIn(AgentCases()),
                         [](const auto& info) { return info.param.name(); });

// The loops of the host and the operations that other devices need are two ways to the same
// numbers. Both take the same steps from the same draws, and differ by what rounding makes of them.
TEST_P(AgentConformanceTest, LearnsOnTheHostAsThroughAten) {
  const auto on_host = Make();
  Train(*on_host, 0, 40);
  const AtenOnly aten_only;
  const auto through_aten = Make();
  Train(*through_aten, 0, 40);
  EXPECT_LT(LargestDifference(Networks(*on_host), Networks(*through_aten)), 1e-4);
}

TEST_P(AgentConformanceTest, ActsWithinTheRangeInEveryMode) {
  const auto agent = Make();
  Train(*agent, 0, 20);
  for (const ActMode mode : {ActMode::kExplore, ActMode::kRandom, ActMode::kGreedy}) {
    if (GetParam().discrete) {
      EXPECT_THAT(Act(*agent, mode), testing::Each(testing::AnyOf(0.0F, 1.0F, 2.0F)));
    } else {
      EXPECT_THAT(Act(*agent, mode),
                  testing::Each(testing::AllOf(testing::Ge(-1.0F), testing::Le(1.0F))));
    }
  }
}

TEST_P(AgentConformanceTest, GreedyActionsMoveNoRandomStream) {
  const auto agent = Make();
  const auto other = Make();
  EXPECT_EQ(Act(*agent, ActMode::kGreedy, 4), Act(*agent, ActMode::kGreedy, 4));
  EXPECT_EQ(Act(*agent, ActMode::kExplore), Act(*other, ActMode::kExplore));
  EXPECT_NE(Act(*agent, ActMode::kExplore), Act(*agent, ActMode::kGreedy));
}

TEST_P(AgentConformanceTest, GreedyActionsAreThePolicysAnswer) {
  const auto agent = Make();
  Train(*agent, 0, 20);
  const Tensor observations = RandomTensor({3, 1, 3}, 5);
  Tensor answer = agent->policy().Answer(observations).mean.contiguous();
  if (!agent->spec().discrete()) answer = answer.clamp(-1.0, 1.0);
  const std::vector<float> actions = Act(*agent, ActMode::kGreedy);
  EXPECT_TRUE(at::tensor(actions).equal(answer.flatten()));
}

TEST_P(AgentConformanceTest, SameSeedsGiveTheSameNumbersBitForBit) {
  const auto agent = Make();
  const auto other = Make();
  Train(*agent, 0, 40);
  Train(*other, 0, 40);
  EXPECT_TRUE(Networks(*agent).equal(Networks(*other)));
}

TEST_P(AgentConformanceTest, TrainingGoesOnBitForBitAfterLoading) {
  for (const std::uint64_t cut : {20, 21, 22}) {  // also between updates that differ in kind
    const auto whole = Make();
    Train(*whole, 0, 30);
    const auto first = Make();
    Train(*first, 0, cut);
    const auto archive = Written([&](core::ArchiveWriter& writer) { first->Save(writer); });
    const auto second = Make();
    Train(*second, 0, 15);  // which the file replaces
    second->Load(*archive);
    EXPECT_TRUE(Networks(*second).equal(Networks(*first)));
    Train(*second, cut, 30 - cut);
    EXPECT_TRUE(Networks(*second).equal(Networks(*whole)));
    EXPECT_EQ(second->TakeMetrics(), whole->TakeMetrics());
  }
}

// Tolerance: products of other batch sizes may add in another order.
TEST_P(AgentConformanceTest, AMemberBecomesTheSameWhoeverRunsBesideIt) {
  const auto together = Make(Spec({11, 22, 33}));
  const auto alone = Make(Spec({22}));
  EXPECT_TRUE(Networks(*together)[1].equal(Networks(*alone)[0]));
  Train(*together, 0, 60);
  Train(*alone, 0, 60);
  EXPECT_LT(LargestDifference(Networks(*together)[1], Networks(*alone)[0]), 1e-4);
  EXPECT_GT(LargestDifference(Networks(*together)[0], Networks(*alone)[0]), 1e-2);
}

// Shards of several members and of one, several to a thread, and one of all where five threads do
// not divide them.
TEST_P(AgentConformanceTest, ThreadsDoNotChangeNumbers) {
  AgentSpec spec = Spec({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const auto one = Make(spec);
  Train(*one, 0, 40);
  for (const std::int64_t threads : {2, 3, 5, 12}) {
    spec.threads = threads;
    const auto several = Make(spec);
    Train(*several, 0, 40);
    EXPECT_LT(LargestDifference(Networks(*one), Networks(*several)), 1e-4) << threads;
  }
}

TEST_P(AgentConformanceTest, AHeldPolicyExploresAsBeforeWhateverUpdatesDo) {
  const auto agent = Make();
  const auto other = Make();
  if (agent->on_policy()) GTEST_SKIP() << "on-policy agents act by what they have learnt";
  Train(*agent, 0, 20);
  Train(*other, 0, 20);
  agent->HoldPolicy();
  const std::vector<float> greedy = Act(*agent, ActMode::kGreedy);
  const std::vector<float> exploring = Act(*other, ActMode::kExplore);
  std::vector<float> beside;
  std::thread actor([&] { beside = Act(*agent, ActMode::kExplore); });
  for (int i = 0; i < 200; ++i) agent->Update();
  actor.join();
  EXPECT_EQ(beside, exploring);
  agent->HoldPolicy();
  for (int i = 0; i < 200; ++i) other->Update();
  EXPECT_EQ(Act(*agent, ActMode::kExplore), Act(*other, ActMode::kExplore));
  EXPECT_TRUE(Networks(*agent).equal(Networks(*other)));
  if (!GetParam().discrete) {
    EXPECT_NE(Act(*agent, ActMode::kGreedy), greedy);
  }
}

TEST_P(AgentConformanceTest, InBFloat16ItLearnsNearlyTheSame) {
  AgentSpec spec = Spec({1, 2, 3});
  const auto exact = Make(spec);
  spec.precision = Precision::kBFloat16;
  const auto rounded = Make(spec);
  EXPECT_TRUE(Networks(*exact).equal(Networks(*rounded)));
  Train(*exact, 0, 17);
  Train(*rounded, 0, 17);
  const double difference = LargestDifference(Networks(*exact), Networks(*rounded));
  EXPECT_GT(difference, 0.0);
  EXPECT_LT(difference, 0.1);
}

TEST_P(AgentConformanceTest, APolicyLoadsIntoAnotherPopulation) {
  const auto saved = Make();
  Train(*saved, 0, 30);
  const auto archive = Written([&](core::ArchiveWriter& writer) { saved->SavePolicy(writer); });
  const auto agent = Make(Spec({5, 6}));
  agent->LoadPolicy(*archive, std::vector<std::int64_t>{2, 0});
  const Tensor observations = RandomTensor({3, 4, 3}, 5);
  const Tensor chosen = observations.index_select(0, at::tensor({2, 0}));
  EXPECT_LT(LargestDifference(
                agent->policy().Answer(chosen).mean,
                saved->policy().Answer(observations).mean.index_select(0, at::tensor({2, 0}))),
            1e-6);
  EXPECT_LT(LargestDifference(agent->Value(chosen),
                              saved->Value(observations).index_select(0, at::tensor({2, 0}))),
            1e-6);
}

TEST_P(AgentConformanceTest, DifferentiateGivesTheGradientOfTheLossByThePolicyAlone) {
  const auto agent = Make();
  Policy& policy = agent->policy();
  const Tensor observations = RandomTensor({3, 6, 3}, 5);
  const bool discrete = GetParam().discrete;
  const Tensor wanted = RandomTensor({3, 6, discrete ? 3 : 2}, 6).tanh();
  const auto loss = [&](const PolicyOutput& answer) {
    // Logits may be large.
    const Tensor given = discrete ? 0.01 * answer.logits : answer.mean;
    return (given - wanted).square().mean(c10::IntArrayRef{1, 2});
  };
  const Tensor losses = policy.Differentiate(observations, loss);
  EXPECT_EQ(losses.sizes(), at::IntArrayRef({3}));
  EXPECT_FALSE(losses.requires_grad());
  const Tensor gradients = policy.gradients().clone();
  // Along the gradient the loss rises by its squared length, to first order.
  const double step = 1e-2;
  const auto loss_at = [&](double t) {
    policy.parameters().add_(gradients, t);
    const double value = loss(policy.Answer(observations)).sum().item<double>();
    policy.parameters().sub_(gradients, t);
    return value;
  };
  const double squared = gradients.square().sum().item<double>();
  EXPECT_NEAR((loss_at(step) - loss_at(-step)) / (2 * step), squared, 0.01 * squared);
}

}  // namespace
}  // namespace duet::agents
