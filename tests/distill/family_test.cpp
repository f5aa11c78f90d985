// Distillation with every agent of the table, as student, peer and teacher of every other.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "agents/registry.h"
#include "core/config_reader.h"
#include "core/error.h"
#include "distill/distiller.h"
#include "tests/agents/support.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

using agents::AgentCase;
using agents::Distribution;

constexpr std::int64_t kBatch = 32;

std::unique_ptr<agents::Agent> Make(const AgentCase& each, std::vector<std::uint64_t> seeds) {
  // Logits of a hundred times the Q-values would take long to change places.
  const std::string_view more =
      each.algorithm == "dqn" ? "temperature = 1.0\n" : each.small_settings();
  agents::AgentConfig config;
  core::ConfigFile(
      fmt::format("algorithm = \"{}\"\nhidden = [16]\nnormalize_observations = true\n{}",
                  each.algorithm, more),
      "family.toml", {})
      .Read(config);
  return agents::MakeAgent(config, each.spec(std::move(seeds)));
}

// So many steps with the agent's own actions, in replay and statistics.
void Live(agents::Agent& agent, std::uint64_t first_step, std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    agents::ActAndObserve(agent, agents::ActMode::kExplore, first_step + i);
  }
}

// Fresh policies answer nearly alike; these do not.
void Scatter(agents::Agent& agent, std::uint64_t seed) {
  Tensor& parameters = agent.policy().parameters();
  parameters.add_(agents::RandomTensor(parameters.sizes(), seed), 0.3);
}

DistillConfig Config(RuleKind rule) {
  DistillConfig config;
  config.rule.kind = rule;
  config.learning_rate = 1e-2;
  config.weight.kind = WeightKind::kUniform;
  return config;
}

// How far the students' actions are from their lessons' before and after some steps.
std::pair<std::vector<double>, std::vector<double>> DistancesBeforeAndAfter(Distiller& distiller) {
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) distiller.Step(*distiller.Prepare(0.0));
    return distiller.TakeMetrics().at("action_distance");
  };
  const std::vector<double> before = steps(5);
  steps(150);
  return {before, steps(5)};
}

// What each part of an answer is, in order; undefined where there is none.
std::vector<Tensor> Parts(const PolicyOutput& answer) {
  return {answer.mean, answer.log_std, answer.location, answer.logits};
}

void ExpectSameAnswer(const PolicyOutput& answer, const PolicyOutput& expected) {
  for (std::size_t i = 0; i < Parts(answer).size(); ++i) {
    const Tensor part = Parts(answer)[i], wanted = Parts(expected)[i];
    ASSERT_EQ(part.defined(), wanted.defined()) << i;
    if (!part.defined()) continue;
    EXPECT_TRUE(at::allclose(part, wanted, 1e-5, 1e-5)) << i;
  }
}

// The networks are too small for more threads.
class AgentFamilyTest : public testing::TestWithParam<AgentCase> {
 protected:
  AgentFamilyTest() { at::set_num_threads(1); }
};

INSTANTIATE_TEST_SUITE_P(Agents, AgentFamilyTest, testing::ValuesIn(agents::AgentCases()),
                         [](const auto& info) { return info.param.name(); });

TEST_P(AgentFamilyTest, AStudentGetsEveryPartOfItsPeersAnswerAndItsValue) {
  const auto population = Make(GetParam(), {10, 11, 12});
  Live(*population, 0, 30);
  const std::vector<std::int64_t> peers = {2, 0, 1};
  const Lesson lesson =
      MakePeerReplay(*population, peers, 0)->Draw(kBatch, ValueChoice::kOwnAction);
  // Asked in the peers' own rows.
  const Tensor back = at::tensor({1, 2, 0});  // row of the student of each peer
  const Tensor asked = lesson.observations.index_select(0, back);
  const PolicyOutput answer = population->policy().Answer(asked);
  const Tensor order = at::tensor(peers);
  const auto of_peers = [&](const Tensor& part) {
    return part.defined() && part.size(0) > 1 ? part.index_select(0, order) : part;
  };
  ExpectSameAnswer(lesson.answer, {.mean = of_peers(answer.mean),
                                   .log_std = of_peers(answer.log_std),
                                   .location = of_peers(answer.location),
                                   .logits = of_peers(answer.logits)});
  EXPECT_TRUE(at::allclose(lesson.value, of_peers(population->Value(asked)), 1e-5, 1e-5));
}

// Saved and loaded, as a teacher of another run is.
TEST_P(AgentFamilyTest, ATeacherBringsItsOwnStatistics) {
  const auto original = Make(GetParam(), {30, 31});
  Live(*original, 0, 40);
  const auto archive =
      agents::Written([&](core::ArchiveWriter& writer) { original->SavePolicy(writer); });
  const std::shared_ptr<agents::Agent> teacher = Make(GetParam(), {40, 41});
  teacher->LoadPolicy(*archive, std::vector<std::int64_t>{0, 1});
  const auto students = Make(GetParam(), {10, 11});
  Live(*students, 100, 50);
  const Lesson lesson =
      MakeStudentStates(teacher, *students, 0)->Draw(kBatch, ValueChoice::kOwnAction);
  ExpectSameAnswer(lesson.answer, original->policy().Answer(lesson.observations));
  EXPECT_TRUE(at::allclose(lesson.value, original->Value(lesson.observations), 1e-5, 1e-5));
  // With the students' statistics the answers would be others.
  const auto other = Make(GetParam(), {30, 31});
  Live(*other, 100, 50);
  EXPECT_FALSE(at::allclose(other->Value(lesson.observations), lesson.value, 1e-5, 1e-5));
}

TEST_P(AgentFamilyTest, PeersLearnFromEachOther) {
  const auto pair = Make(GetParam(), {10, 11});
  Scatter(*pair, 7);
  Live(*pair, 0, 60);
  DistillConfig config = Config(GetParam().discrete ? RuleKind::kForwardKl : RuleKind::kActionMse);
  CheckFit(config, *pair, *pair);
  Distiller distiller(config, MakePeerReplay(*pair, {1, 0}, 0), *pair);
  const auto [before, after] = DistancesBeforeAndAfter(distiller);
  for (std::size_t m = 0; m < 2; ++m) EXPECT_LT(after[m], 0.5 * before[m]);
}

TEST_P(AgentFamilyTest, ValuesOfThePeersActionsNeedAnAgentThatLearnsThem) {
  const auto agent = Make(GetParam(), {10});
  DistillConfig config = Config(GetParam().discrete ? RuleKind::kForwardKl : RuleKind::kActionMse);
  config.value = ValueChoice::kPeerAction;
  if (GetParam().algorithm != "ppo") return CheckFit(config, *agent, *agent);
  EXPECT_EQ(support::MessageOf<ConfigError>([&] { CheckFit(config, *agent, *agent); }),
            "ppo learns values of states and none of actions: use value = \"own_action\"");
}

struct Pair {
  AgentCase teacher, student;
};

void PrintTo(const Pair& pair, std::ostream* out) {
  *out << pair.teacher.name() << " teaches " << pair.student.name();
}

std::vector<Pair> AllPairs() {
  std::vector<Pair> pairs;
  for (const AgentCase& teacher : agents::AgentCases()) {
    for (const AgentCase& student : agents::AgentCases()) {
      if (teacher.discrete == student.discrete) pairs.push_back({teacher, student});
    }
  }
  return pairs;
}

class AgentPairTest : public testing::TestWithParam<Pair> {
 protected:
  AgentPairTest() { at::set_num_threads(1); }
};

INSTANTIATE_TEST_SUITE_P(Pairs, AgentPairTest, testing::ValuesIn(AllPairs()), [](const auto& info) {
  return info.param.teacher.name() + "_teaches_" + info.param.student.name();
});

// Every rule of actions either brings the student closer to the teacher or is refused beforehand.
TEST_P(AgentPairTest, TheStudentLearnsByEveryRuleThatFits) {
  for (const RuleKind rule : {RuleKind::kActionMse, RuleKind::kForwardKl, RuleKind::kReverseKl}) {
    const std::string_view name = RuleName(rule);
    const std::shared_ptr<agents::Agent> teacher = Make(GetParam().teacher, {30, 31});
    Scatter(*teacher, 7);
    Live(*teacher, 0, 40);
    const auto students = Make(GetParam().student, {10, 11});
    Live(*students, 100, 60);
    const Tensor states = at::zeros({2, 1, 3});
    const Distribution kind = teacher->policy().Answer(states).distribution();
    const bool same = kind == students->policy().Answer(states).distribution();
    const bool fits = rule == RuleKind::kActionMse ? kind != Distribution::kCategorical
                                                   : same && kind != Distribution::kNone;
    const DistillConfig config = Config(rule);
    if (!fits) {
      EXPECT_THROW(CheckFit(config, *teacher, *students), ConfigError) << name;
      continue;
    }
    CheckFit(config, *teacher, *students);
    Distiller distiller(config, MakeStudentStates(teacher, *students, 0), *students);
    const auto [before, after] = DistancesBeforeAndAfter(distiller);
    for (std::size_t m = 0; m < 2; ++m) EXPECT_LT(after[m], 0.5 * before[m]) << name;
  }
}

}  // namespace
}  // namespace duet::distill
