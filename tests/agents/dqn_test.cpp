#include "agents/dqn.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kActions = 3;

DqnConfig SmallConfig() {
  DqnConfig config;
  config.hidden = {16, 16};
  config.batch_size = 16;
  return config;
}

AgentSpec DiscreteSpec(std::vector<std::uint64_t> member_seeds = {1, 2}) {
  return AgentCase{"dqn", true}.spec(std::move(member_seeds));
}

// The Q-values of all actions at [M, B, O]: [M, B, C].
Tensor AllValues(const Agent& agent, const Tensor& observations) {
  std::vector<Tensor> values;
  for (std::int64_t a = 0; a < kActions; ++a) {
    const Tensor actions = at::full({observations.size(0), observations.size(1), 1}, a, at::kFloat);
    values.push_back(agent.ActionValue(observations, actions));
  }
  return at::stack(values, 2);
}

TEST(DqnTest, NumbersAsActionsAreRefused) {
  EXPECT_THROW(MakeDqn(SmallConfig(), SmallSpec()), std::invalid_argument);
}

TEST(DqnTest, TheValueIsThatOfTheBestActionWhichIsTheAnswer) {
  for (const bool dueling : {false, true}) {
    DqnConfig config = SmallConfig();
    config.dueling = dueling;
    const auto agent = MakeDqn(config, DiscreteSpec());
    const Tensor observations = RandomTensor({2, 20, 3}, 5);
    const Tensor values = AllValues(*agent, observations);
    EXPECT_TRUE(agent->Value(observations).equal(values.amax(2)));
    const PolicyOutput answer = agent->policy().Answer(observations);
    EXPECT_TRUE(answer.mean.squeeze(2).equal(values.argmax(2).to(at::kFloat)));
    EXPECT_EQ(answer.distribution(), Distribution::kCategorical);
  }
}

// softmax(Q / temperature), arXiv:1511.06295, section 4.1.
TEST(DqnTest, TheAnswersLogitsAreTheValuesOverTheTemperature) {
  DqnConfig config = SmallConfig();
  config.temperature = 0.1;
  const auto agent = MakeDqn(config, DiscreteSpec());
  const Tensor observations = RandomTensor({2, 5, 3}, 5);
  EXPECT_LT(LargestDifference(agent->policy().Answer(observations).logits,
                              AllValues(*agent, observations) * 10.0),
            1e-5);
}

TEST(DqnTest, AdvantagesOfADuelingNetworkAverageToNothing) {
  DqnConfig config = SmallConfig();
  config.dueling = true;
  const auto agent = MakeDqn(config, DiscreteSpec());
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent->SavePolicy(writer); });
  EXPECT_EQ(ReadTensor(*archive, "q.2.weight").sizes(), (at::IntArrayRef{2, 16, kActions + 1}));
  // The first output alone is the mean over actions: raising it raises all by the same.
  const Tensor observations = RandomTensor({2, 5, 3}, 5);
  const Tensor before = AllValues(*agent, observations);
  Tensor& parameters = agent->policy().parameters();
  parameters.narrow(1, parameters.size(1) - kActions - 1, 1).add_(0.5);  // its bias
  EXPECT_LT(LargestDifference(AllValues(*agent, observations), before + 0.5), 1e-6);
  parameters.narrow(1, parameters.size(1) - kActions, kActions).add_(0.5);  // of the advantages
  EXPECT_LT(LargestDifference(AllValues(*agent, observations), before + 0.5), 1e-6);
}

TEST(DqnTest, TheShareOfRandomActionsFallsLinearlyAndThenStays) {
  DqnConfig config = SmallConfig();
  config.initial_epsilon = 0.9;
  config.final_epsilon = 0.3;
  config.exploration_fraction = 0.5;
  AgentSpec spec = DiscreteSpec({1});
  spec.envs = 20'000;
  const auto agent = MakeDqn(config, spec);
  const Tensor observations = RandomTensor({1, 1, 3}, 5).expand({1, spec.envs, 3}).contiguous();
  const std::span<const float> seen(observations.const_data_ptr<float>(),
                                    static_cast<std::size_t>(observations.numel()));
  std::vector<float> actions(static_cast<std::size_t>(spec.envs));
  agent->Act(seen, ActMode::kGreedy, actions);
  const float best = actions[0];
  for (const auto& [progress, epsilon] :
       {std::pair(0.0, 0.9), {0.25, 0.6}, {0.5, 0.3}, {1.0, 0.3}}) {
    agent->SetProgress(progress);
    agent->Act(seen, ActMode::kExplore, actions);
    const auto others = std::ranges::count_if(actions, [&](float a) { return a != best; });
    // A random action is the best one in a third of all cases. Four standard deviations.
    EXPECT_NEAR(static_cast<double>(others) / 20'000, epsilon * 2.0 / 3.0, 0.014) << progress;
  }
}

TEST(DqnTest, TheShareOfRandomActionsIsAmongTheMetrics) {
  DqnConfig config = SmallConfig();
  config.exploration_fraction = 1.0;
  config.final_epsilon = 0.0;
  const auto agent = MakeDqn(config, DiscreteSpec());
  ActAndObserve(*agent, ActMode::kRandom, 0);
  for (const double progress : {0.2, 0.4}) {
    agent->SetProgress(progress);
    agent->Update();
  }
  const Metrics metrics = agent->TakeMetrics();
  for (const double rate : metrics.at("exploration_rate")) EXPECT_NEAR(rate, 0.7, 1e-6);
}

TEST(DqnTest, TheTargetIsCopiedEverySoManySteps) {
  DqnConfig config = SmallConfig();
  config.tau = 1.0;
  config.target_update_interval = 4;
  const auto agent = MakeDqn(config, DiscreteSpec());
  ActAndObserve(*agent, ActMode::kRandom, 0);
  Tensor target;
  for (int update = 1; update <= 9; ++update) {
    const auto before = Written([&](core::ArchiveWriter& writer) { agent->Save(writer); });
    agent->Update();
    const auto after = Written([&](core::ArchiveWriter& writer) { agent->Save(writer); });
    const char* kWeight = "target_q.1.weight";
    EXPECT_EQ(ReadTensor(*after, kWeight).equal(ReadTensor(*after, "q.1.weight")), update % 4 == 0);
    EXPECT_EQ(ReadTensor(*after, kWeight).equal(ReadTensor(*before, kWeight)), update % 4 != 0);
  }
}

TEST(DqnTest, ANonFiniteRewardNamesTheLossAndMemberAndChangesNothing) {
  const auto agent = MakeDqn(SmallConfig(), DiscreteSpec());
  const Tensor before = Networks(*agent);
  Tensor rewards = at::zeros({2, 1});
  rewards[1][0] = std::numeric_limits<float>::infinity();
  const Tensor observations = RandomTensor({2, 1, 3}, 1);
  EXPECT_THAT(
      [&] {
        agent->UpdateOn(
            {observations, at::zeros({2, 1, 1}), rewards, observations, at::zeros({2, 1})});
      },
      ThrowsMessage<NonFiniteError>(HasSubstr("the Q-network loss of member 1 is ")));
  EXPECT_TRUE(Networks(*agent).equal(before));
}

struct Knob {
  std::string name;
  std::function<void(DqnConfig&)> turn;
};

class DqnKnobTest : public testing::TestWithParam<Knob> {};

INSTANTIATE_TEST_SUITE_P(
    Knobs, DqnKnobTest,
    testing::Values(Knob{"gamma", [](DqnConfig& c) { c.gamma = 0.5; }},
                    Knob{"tau", [](DqnConfig& c) { c.tau = 0.5; }},
                    Knob{"n_step", [](DqnConfig& c) { c.n_step = 3; }},
                    Knob{"learning_rate", [](DqnConfig& c) { c.learning_rate = 2e-3; }},
                    Knob{"double_q", [](DqnConfig& c) { c.double_q = false; }},
                    Knob{"dueling", [](DqnConfig& c) { c.dueling = true; }},
                    Knob{"huber_delta", [](DqnConfig& c) { c.huber_delta = 0.1; }},
                    Knob{"interval", [](DqnConfig& c) { c.target_update_interval = 5; }},
                    Knob{"initial_epsilon", [](DqnConfig& c) { c.initial_epsilon = 0.5; }}),
    [](const auto& info) { return info.param.name; });

TEST_P(DqnKnobTest, ChangesWhatIsLearned) {
  const auto learned = [](const DqnConfig& config) {
    const auto agent = MakeDqn(config, DiscreteSpec({1}));
    Train(*agent, 0, 60);
    return agent->Value(RandomTensor({1, 10, 3}, 5));
  };
  DqnConfig turned = SmallConfig();
  GetParam().turn(turned);
  EXPECT_GT(LargestDifference(learned(SmallConfig()), learned(turned)), 1e-6);
}

}  // namespace
}  // namespace duet::agents
