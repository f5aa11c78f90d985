#include "distill/distiller.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/archive.h"
#include "core/error.h"
#include "core/file.h"
#include "tests/distill/population.h"
#include "tests/support/message_of.h"
#include "tests/support/table_agent.h"
#include "tests/support/temp_folder.h"

namespace duet::distill {
namespace {

using support::TableAgent;

constexpr std::int64_t kBatch = 8;

// A lesson from nobody: zero answers on some observations, with the values given.
class FixedLesson : public LessonSource {
 public:
  explicit FixedLesson(Lesson lesson) : lesson_(std::move(lesson)) {}
  bool Ready() const override { return true; }
  Lesson Draw(std::int64_t, std::optional<ValueChoice>) override { return lesson_; }
  void Save(core::ArchiveWriter&) const override {}
  void Load(const core::ArchiveReader&) override {}

 private:
  Lesson lesson_;
};

Lesson SomeLesson(const agents::Agent& students) {
  Lesson lesson;
  lesson.observations = SomeObservations(students.spec().members(), kBatch);
  lesson.answer.mean =
      at::cos(at::arange(students.spec().members() * kBatch * kActionSize, at::kFloat))
          .view({-1, kBatch, kActionSize});
  lesson.answer.log_std = at::full({1, 1, 1}, std::log(0.1F));
  lesson.value =
      at::sin(at::arange(students.spec().members() * kBatch, at::kFloat) * 3.0).view({-1, kBatch});
  return lesson;
}

// The students' parameters after one step on SomeLesson, and the gradients that led there.
Tensor AfterOneStep(const DistillConfig& config) {
  const auto students = MakePopulation({1, 2});
  const Lesson lesson = SomeLesson(*students);
  Distiller distiller(config, std::make_unique<FixedLesson>(lesson), *students);
  distiller.Step(*distiller.Prepare(0.0));
  return at::cat({students->policy().parameters(), students->policy().gradients()});
}

std::string Bytes(const agents::Agent& agent) {
  const support::TempFolder folder;
  core::ArchiveWriter archive;
  agent.Save(archive);
  archive.Write(folder / "a");
  return core::ReadFile(folder / "a");
}

// The gradient of one step by a table of S states and one action each, [S].
Tensor StateGradients(const WeightConfig& weight, const Tensor& source_values,
                      const Tensor& student_values) {
  const std::int64_t states = source_values.size(0);
  TableAgent students(at::zeros({1, states, 1}), student_values.unsqueeze(0));
  Lesson lesson;
  lesson.observations = at::eye(states).unsqueeze(0);
  lesson.answer.mean = at::ones({1, states, 1});
  lesson.value = source_values.unsqueeze(0);
  DistillConfig config;
  config.weight = weight;
  Distiller distiller(config, std::make_unique<FixedLesson>(lesson), students);
  distiller.Step(*distiller.Prepare(0.0));
  return students.policy().gradients().clone();
}

TEST(DistillerTest, TheGradientOfASampleIsItsWeightTimesThatOfTheRule) {
  const Tensor xi = at::tensor({-1.0F, 0.5F, 0.0F, 2.0F});
  for (const auto& kind : kWeights) {
    const WeightConfig weight{.kind = kind.value, .scale = DisadvantageScale::kNone};
    const Tensor weights = MakeWeight(weight)->Weigh(xi.unsqueeze(0))[0];
    // d/da of the mean over 4 samples of w (a - 1)^2 at a = 0.
    EXPECT_TRUE(at::allclose(StateGradients(weight, xi, at::zeros({4})), -2.0 * weights / 4.0))
        << kind.name;
  }
}

TEST(DistillerTest, WeightedDiffersFromUniform) {
  DistillConfig config;
  config.weight.kind = WeightKind::kUniform;
  const Tensor uniform = AfterOneStep(config);
  for (const WeightKind kind : {WeightKind::kHard, WeightKind::kExponential}) {
    config.weight.kind = kind;
    const Tensor weighted = AfterOneStep(config);
    EXPECT_FALSE(at::allclose(weighted, uniform));
    config.weight.reversed = true;
    EXPECT_FALSE(at::allclose(AfterOneStep(config), weighted));
    config.weight.reversed = false;
  }
}

TEST(DistillerTest, EverySettingOfTheStepChangesIt) {
  const Tensor plain = AfterOneStep({});
  const auto differs = [&](auto set) {
    DistillConfig config;
    set(config);
    return !at::allclose(AfterOneStep(config), plain, 0.0, 1e-9);
  };
  EXPECT_TRUE(differs([](auto& c) { c.rule.kind = RuleKind::kForwardKl; }));
  EXPECT_TRUE(differs([](auto& c) { c.rule.kind = RuleKind::kReverseKl; }));
  EXPECT_TRUE(differs([](auto& c) { c.value = ValueChoice::kPeerAction; }));
  EXPECT_TRUE(differs([](auto& c) { c.learning_rate = 2e-4; }));
  EXPECT_TRUE(differs([](auto& c) { c.max_gradient_norm = 1e-9; }));
  EXPECT_TRUE(differs([](auto& c) { c.weight.alpha = 3.0; }));
  EXPECT_TRUE(differs([](auto& c) { c.weight.clip_low = 0.9; }));
  EXPECT_TRUE(differs([](auto& c) { c.weight.clip_high = 1.1; }));
  EXPECT_TRUE(differs([](auto& c) { c.weight.scale = DisadvantageScale::kNone; }));
  EXPECT_TRUE(differs([](auto& c) { c.schedule.coefficient = 0.5; }));
}

TEST(DistillerTest, AStepBringsTheStudentNearer) {
  for (const RuleKind rule :
       {RuleKind::kActionMse, RuleKind::kForwardKl, RuleKind::kReverseKl, RuleKind::kSymmetricKl}) {
    const auto students = MakePopulation({1, 2});
    const Lesson lesson = SomeLesson(*students);
    const auto distance = [&] {
      return (students->policy().Answer(lesson.observations).mean - lesson.answer.mean)
          .square()
          .mean()
          .item<double>();
    };
    const double before = distance();
    DistillConfig config;
    config.rule.kind = rule;
    config.learning_rate = 1e-3;
    config.weight.kind = WeightKind::kUniform;
    Distiller distiller(config, std::make_unique<FixedLesson>(lesson), *students);
    for (int i = 0; i < 20; ++i) distiller.Step(*distiller.Prepare(0.0));
    EXPECT_LT(distance(), before) << RuleName(rule);
  }
}

// How states lie to each other can be learnt from whoever answers.
TEST(DistillerTest, RelationalRulesTeachPoliciesToo) {
  for (const RuleKind rule : {RuleKind::kSp, RuleKind::kPkt, RuleKind::kRkd}) {
    const auto students = MakePopulation({1, 2});
    DistillConfig config;
    config.rule = RuleDefaults(rule);
    config.learning_rate = 3e-3;
    config.weight.kind = WeightKind::kUniform;
    CheckFit(config, *students, *students);
    Distiller distiller(config, std::make_unique<FixedLesson>(SomeLesson(*students)), *students);
    const auto loss_of_steps = [&](int count) {
      for (int i = 0; i < count; ++i) distiller.Step(*distiller.Prepare(0.0));
      return distiller.TakeMetrics().at("distill_loss");
    };
    const std::vector<double> before = loss_of_steps(1);
    loss_of_steps(60);
    const std::vector<double> after = loss_of_steps(1);
    for (std::size_t m = 0; m < 2; ++m) EXPECT_LT(after[m], before[m]) << RuleName(rule);
  }
}

TEST(DistillerTest, RulesThatPoliciesCannotFollowAreRefused) {
  const auto students = MakePopulation({1, 2});
  const auto refused = [&](RuleKind rule) {
    DistillConfig config;
    config.rule = RuleDefaults(rule);
    return support::MessageOf<ConfigError>([&] { CheckFit(config, *students, *students); });
  };
  EXPECT_EQ(refused(RuleKind::kFitNets),
            "rule = \"fitnets\" compares features and no layers are named");
  EXPECT_EQ(refused(RuleKind::kNst), "rule = \"nst\" compares features and no layers are named");
  EXPECT_EQ(refused(RuleKind::kBrier).substr(0, 52),
            "rule = \"brier\" compares probabilities of classes; th");
}

TEST(DistillerTest, ChangesTheStudentsPolicyAlone) {
  const std::shared_ptr<agents::Agent> teacher = MakePopulation({30, 31});
  const auto students = MakePopulation({1, 2});
  Live(*teacher, 20);
  Live(*students, 20);
  Distiller distiller({}, MakeStudentStates(teacher, *students, 0), *students);
  const std::string teacher_before = Bytes(*teacher);
  const Tensor policy_before = students->policy().parameters().clone();
  const Tensor observations = SomeObservations(2, 16), actions = at::zeros({2, 16, kActionSize});
  const Tensor critic_before = students->ActionValue(observations, actions).clone();
  for (int i = 0; i < 3; ++i) distiller.Step(*distiller.Prepare(0.0));
  EXPECT_EQ(Bytes(*teacher), teacher_before);
  EXPECT_FALSE(SameBits(students->policy().parameters(), policy_before));
  EXPECT_TRUE(SameBits(students->ActionValue(observations, actions), critic_before));
}

TEST(DistillerTest, LeavesTheMomentsOfTheReinforcementStepAlone) {
  const auto with = MakePopulation({1, 2}), without = MakePopulation({1, 2});
  Live(*with, 30);
  Live(*without, 30);
  DistillConfig config;
  config.schedule.coefficient = 0.0;  // a step of no length
  Distiller distiller(config, MakePeerReplay(*with, {1, 0}, 0), *with);
  for (int i = 0; i < 4; ++i) {
    const auto lesson = distiller.Prepare(0.0);
    with->Update();
    distiller.Step(*lesson);
    without->Update();
  }
  EXPECT_TRUE(SameBits(with->policy().parameters(), without->policy().parameters()));
}

// A round of two peers: what a member becomes does not depend on its place in the pair.
TEST(DistillerTest, APairIsSymmetric) {
  const auto train = [](std::vector<std::uint64_t> seeds) {
    auto population = MakePopulation(std::move(seeds));
    Live(*population, 50);
    Distiller distiller({}, MakePeerReplay(*population, {1, 0}, 0), *population);
    for (int i = 0; i < 10; ++i) {
      const auto lesson = distiller.Prepare(0.0);
      population->Update();
      distiller.Step(*lesson);
    }
    return population;
  };
  const auto pair = train({5, 9}), swapped = train({9, 5});
  const Tensor observations = SomeObservations(1, 16).expand({2, -1, -1}).contiguous();
  const Tensor answers = pair->policy().Answer(observations).mean;
  EXPECT_TRUE(
      at::allclose(swapped->policy().Answer(observations).mean.flip({0}), answers, 1e-5, 1e-6));
  EXPECT_FALSE(at::allclose(answers[0], answers[1], 1e-3, 1e-3));
}

TEST(DistillerTest, ALessonHoldsTheOtherAsAtTheStartOfTheRound) {
  constexpr double kDrift = 0.25;
  TableAgent pair(at::stack({at::full({4, 1}, -0.5), at::full({4, 1}, 0.5)}), at::zeros({2, 4}),
                  0.0, kDrift);
  pair.VisitAllStates();
  Distiller distiller({}, MakePeerReplay(pair, {1, 0}, 0), pair);
  const auto lesson = distiller.Prepare(0.0);
  pair.Update();
  EXPECT_TRUE(lesson->answer.mean[0].eq(0.5).all().item<bool>());
  EXPECT_TRUE(lesson->answer.mean[1].eq(-0.5).all().item<bool>());
  EXPECT_TRUE(pair.policy().table()[0].eq(-0.5 + kDrift).all().item<bool>());
}

TEST(ScheduleTest, EveryKthRoundHasALesson) {
  const auto students = MakePopulation({1, 2});
  DistillConfig config;
  config.schedule.every = 3;
  Distiller distiller(config, std::make_unique<FixedLesson>(SomeLesson(*students)), *students);
  std::vector<bool> due;
  for (int i = 0; i < 7; ++i) due.push_back(distiller.Prepare(0.0).has_value());
  EXPECT_EQ(due, (std::vector<bool>{false, false, true, false, false, true, false}));
}

TEST(ScheduleTest, WaitsUntilTheSourceIsReady) {
  const auto population = MakePopulation({1, 2});
  Distiller distiller({}, MakePeerReplay(*population, {1, 0}, 0), *population);
  EXPECT_FALSE(distiller.Prepare(0.0).has_value());
  Live(*population, 1);
  EXPECT_TRUE(distiller.Prepare(0.0).has_value());
}

// The first step of Adam is as long as its learning rate, times the coefficient.
TEST(ScheduleTest, TheCoefficientGoesFromStartToEnd) {
  const auto step_length = [](double progress) {
    TableAgent students(at::zeros({1, 2, 1}), at::zeros({1, 2}));
    Lesson lesson;
    lesson.observations = at::eye(2).unsqueeze(0);
    lesson.answer.mean = at::ones({1, 2, 1});
    lesson.value = at::zeros({1, 2});
    DistillConfig config;
    config.learning_rate = 0.01;
    config.schedule = {.every = 1, .coefficient = 2.0, .final_coefficient = 0.5};
    Distiller distiller(config, std::make_unique<FixedLesson>(lesson), students);
    distiller.Step(*distiller.Prepare(progress));
    return students.policy().table().max().item<double>();
  };
  EXPECT_NEAR(step_length(0.0), 0.02, 1e-6);
  EXPECT_NEAR(step_length(0.5), 0.0125, 1e-6);
  EXPECT_NEAR(step_length(1.0), 0.005, 1e-6);
}

// Q(s, a) = V(s) + 2 a: with own actions the student's -1 costs it 2 against the source's 0; at the
// source's action both are valued alike.
TEST(ValueChoiceTest, SaysAtWhoseActionBothAreValued) {
  for (const auto& [value, expected] :
       {std::pair{ValueChoice::kOwnAction, 2.0}, std::pair{ValueChoice::kPeerAction, 0.0}}) {
    TableAgent students(at::full({1, 3, 1}, -1.0), at::zeros({1, 3}), /*slope=*/2.0);
    Lesson lesson;
    lesson.observations = at::eye(3).unsqueeze(0);
    lesson.answer.mean = at::zeros({1, 3, 1});
    lesson.value = at::zeros({1, 3});
    DistillConfig config;
    config.value = value;
    Distiller distiller(config, std::make_unique<FixedLesson>(lesson), students);
    distiller.Step(*distiller.Prepare(0.0));
    EXPECT_NEAR(distiller.TakeMetrics().at("disadvantage_mean").at(0), expected, 1e-6);
  }
}

TEST(DistillerTest, MetricsAreAveragesPerStudentSinceTheLastCall) {
  TableAgent students(at::zeros({2, 2, 1}), at::stack({at::zeros({2}), at::ones({2})}));
  Lesson lesson;
  lesson.observations = at::eye(2).unsqueeze(0).repeat({2, 1, 1});
  lesson.answer.mean = at::tensor({0.5F, 1.0F, 1.0F, 1.0F}).view({2, 2, 1});
  lesson.value = at::tensor({1.0F, -3.0F, 1.0F, 1.0F}).view({2, 2});
  DistillConfig config;
  config.weight.kind = WeightKind::kHard;
  config.schedule.coefficient = 0.0;
  config.schedule.final_coefficient = 0.0;
  Distiller distiller(config, std::make_unique<FixedLesson>(lesson), students);
  EXPECT_TRUE(distiller.TakeMetrics().empty());
  for (int i = 0; i < 2; ++i) distiller.Step(*distiller.Prepare(0.0));
  EXPECT_EQ(distiller.num_steps(), 2);
  const agents::Metrics metrics = distiller.TakeMetrics();
  using Values = std::vector<double>;
  EXPECT_EQ(metrics.at("distill_loss"), (Values{0.125, 0.0}));  // 1 * 0.25 and 0 * 1 over 2
  EXPECT_EQ(metrics.at("weight_mean"), (Values{0.5, 0.0}));
  EXPECT_EQ(metrics.at("weight_std"), (Values{0.5, 0.0}));
  EXPECT_EQ(metrics.at("weight_zero_share"), (Values{0.5, 1.0}));
  EXPECT_EQ(metrics.at("disadvantage_mean"), (Values{-1.0, 0.0}));
  EXPECT_EQ(metrics.at("disadvantage_std"), (Values{2.0, 0.0}));
  EXPECT_EQ(metrics.at("action_distance"), (Values{0.75, 1.0}));
  EXPECT_TRUE(distiller.TakeMetrics().empty());
}

TEST(DistillerTest, ALossThatIsNotFiniteChangesNothing) {
  const auto students = MakePopulation({1, 2});
  Lesson lesson = SomeLesson(*students);
  lesson.answer.mean[0][0][0] = std::numeric_limits<float>::quiet_NaN();
  Distiller distiller({}, std::make_unique<FixedLesson>(lesson), *students);
  const Tensor before = students->policy().parameters().clone();
  EXPECT_EQ(support::MessageOf<NonFiniteError>([&] { distiller.Step(*distiller.Prepare(0.0)); }),
            "the distillation loss of member 0 is nan");
  EXPECT_TRUE(SameBits(students->policy().parameters(), before));
}

TEST(DistillerTest, ContinuesBitForBitFromACheckpoint) {
  const support::TempFolder folder;
  DistillConfig config;
  config.schedule.every = 2;
  const auto make = [] {
    auto population = MakePopulation({1, 2});
    Live(*population, 40);
    return population;
  };
  const auto rounds = [](agents::Agent& population, Distiller& distiller, int count) {
    for (int i = 0; i < count; ++i) {
      const auto lesson = distiller.Prepare(0.0);
      population.Update();
      if (lesson) distiller.Step(*lesson);
    }
  };
  const auto straight = make();
  Distiller first(config, MakePeerReplay(*straight, {1, 0}, 0), *straight);
  rounds(*straight, first, 5);
  core::ArchiveWriter archive;
  straight->Save(archive);
  first.Save(archive);
  archive.Write(folder / "a");
  rounds(*straight, first, 6);

  const auto resumed = MakePopulation({1, 2});
  Distiller second(config, MakePeerReplay(*resumed, {1, 0}, 0), *resumed);
  const core::ArchiveReader saved(folder / "a");
  resumed->Load(saved);
  second.Load(saved);
  rounds(*resumed, second, 6);
  EXPECT_TRUE(SameBits(resumed->policy().parameters(), straight->policy().parameters()));
  EXPECT_EQ(second.num_steps(), first.num_steps());
  EXPECT_EQ(second.TakeMetrics(), first.TakeMetrics());
}

}  // namespace
}  // namespace duet::distill
