#include "distill/rule.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "core/config_reader.h"
#include "core/config_writer.h"
#include "core/error.h"
#include "tests/distill/rules/answers.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

using agents::Distribution;

constexpr std::int64_t kActions = 3, kChannels = 3, kSize = 4;
const std::vector<std::uint64_t> kSeeds = {5, 6};

Answer MakeAnswer(Distribution distribution, double frequency) {
  const Tensor wave = Wave({kMembers, kBatch, kActions}, frequency);
  const Tensor log_std = 0.4 * Wave({kMembers, kBatch, kActions}, frequency + 0.8);
  switch (distribution) {
    case Distribution::kNone:
      return PolicyOutput{wave, {}};
    case Distribution::kGaussian:
      return PolicyOutput{wave, log_std};
    case Distribution::kTanhGaussian:
      return PolicyOutput{wave.tanh(), log_std, wave};
    case Distribution::kCategorical:
      return PolicyOutput{wave.argmax(2, true).to(at::kDouble), {}, {}, wave};
  }
  return {};
}

Answer MakeFeatures(double frequency) {
  return ClassifierAnswer({}, {Wave({kMembers, kBatch, kChannels, kSize, kSize}, frequency)});
}

// What the table's rules promise beyond a finite loss per sample.
struct Traits {
  bool actions = false;     // compares policies' answers of other kinds than categorical
  bool divergence = true;   // >= 0, and 0 where answers agree
  bool batch = false;       // a sample's loss depends on the others of its batch
  bool features = false;    // compares features
  bool parameters = false;  // has some
};

Traits TraitsOf(RuleKind kind) {
  switch (kind) {
    case RuleKind::kActionMse:
    case RuleKind::kForwardKl:
    case RuleKind::kReverseKl:
    case RuleKind::kSymmetricKl:
    case RuleKind::kKd:
    case RuleKind::kLskd:
      return {.actions = true};
    case RuleKind::kSoftCrossEntropy:
    case RuleKind::kReverseCrossEntropy:
    case RuleKind::kHardTeacher:
    case RuleKind::kSampledTeacher:
    case RuleKind::kAnnealed:
      return {.divergence = false};
    case RuleKind::kDist:
      return {.batch = true};
    case RuleKind::kSp:
    case RuleKind::kRkd:
    case RuleKind::kPkt:
      return {.batch = true, .features = true};
    case RuleKind::kAttentionTransfer:
    case RuleKind::kNst:
      return {.features = true};
    case RuleKind::kFitNets:
    case RuleKind::kVid:
      return {.divergence = false, .features = true, .parameters = true};
    case RuleKind::kCrd:
      return {.divergence = false, .batch = true, .features = true, .parameters = true};
    default:
      return {};
  }
}

// A rule on answers that it can compare.
struct Case {
  RuleKind rule;
  Distribution distribution;

  std::string name() const {
    if (TraitsOf(rule).features) return std::string(RuleName(rule)) + "_of_features";
    static const std::string kNames[] = {"none", "gaussian", "tanh_gaussian", "categorical"};
    return std::string(RuleName(rule)) + "_of_" + kNames[static_cast<std::size_t>(distribution)];
  }

  // The parts of an answer that the loss depends on.
  std::vector<std::function<Tensor&(Answer&)>> parts() const {
    const auto mean = [](Answer& a) -> Tensor& { return a.mean; };
    const auto log_std = [](Answer& a) -> Tensor& { return a.log_std; };
    const auto location = [](Answer& a) -> Tensor& { return a.location; };
    const auto logits = [](Answer& a) -> Tensor& { return a.logits; };
    const auto feature = [](Answer& a) -> Tensor& { return a.features.at(0); };
    if (TraitsOf(rule).features) return {feature};
    if (distribution == Distribution::kCategorical) return {logits};
    if (rule == RuleKind::kActionMse || distribution == Distribution::kNone) return {mean};
    if (distribution == Distribution::kGaussian) return {mean, log_std};
    return {location, log_std};
  }
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.name(); }

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const auto& [name, rule] : kRules) {
    if (TraitsOf(rule).actions) {
      cases.push_back({rule, Distribution::kGaussian});
      cases.push_back({rule, Distribution::kTanhGaussian});
    }
    if (rule == RuleKind::kActionMse) cases.push_back({rule, Distribution::kNone});
    if (rule != RuleKind::kActionMse) cases.push_back({rule, Distribution::kCategorical});
  }
  return cases;
}

// Every rule of the table keeps the contract of Rule::Loss.
class RuleConformanceTest : public ::testing::TestWithParam<Case> {
 protected:
  static Answer StudentAnswer() { return AnswerOf(1.3); }
  static Answer SourceAnswer() { return AnswerOf(0.7); }
  static Answer AnswerOf(double frequency) {
    const bool features = TraitsOf(GetParam().rule).features;
    return features ? MakeFeatures(frequency) : MakeAnswer(GetParam().distribution, frequency);
  }

  static Context SomeContext() {
    const Tensor rows = at::arange(kMembers * kBatch, at::kLong).view({kMembers, kBatch});
    return {.labels = rows.remainder(kActions), .samples = rows, .progress = 0.25};
  }

  // A fresh rule, so that whatever it draws and keeps is the same each time.
  static std::unique_ptr<Rule> Make(const std::vector<std::uint64_t>& seeds = kSeeds) {
    RuleConfig config = RuleDefaults(GetParam().rule);
    config.temperature = 1.5;
    config.negatives = 7;
    const FeatureShapes shapes = {{kChannels, kSize, kSize}};
    return MakeRule(config, {.student = shapes,
                             .source = shapes,
                             .member_seeds = seeds,
                             .num_samples = kMembers * kBatch,
                             .dtype = at::kDouble});
  }

  static Tensor Loss(const Answer& student, const Answer& source) {
    return Make()->Loss(student, source, SomeContext());
  }
};

INSTANTIATE_TEST_SUITE_P(AllRules, RuleConformanceTest, ::testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.name(); });

TEST_P(RuleConformanceTest, GivesOneLossPerMemberAndSample) {
  const Tensor loss = Loss(StudentAnswer(), SourceAnswer());
  EXPECT_EQ(loss.sizes(), (at::IntArrayRef{kMembers, kBatch}));
  EXPECT_TRUE(at::isfinite(loss).all().item<bool>());
}

TEST_P(RuleConformanceTest, ADivergenceIsPositiveAndZeroWhereAnswersAgree) {
  if (!TraitsOf(GetParam().rule).divergence) GTEST_SKIP() << "is no divergence";
  EXPECT_GT(Loss(StudentAnswer(), SourceAnswer()).min().item<double>(), 0.0);
  EXPECT_LT(Loss(SourceAnswer(), SourceAnswer()).abs().max().item<double>(), 1e-12);
}

TEST_P(RuleConformanceTest, ASampleCountsForItselfAlone) {
  if (TraitsOf(GetParam().rule).batch) GTEST_SKIP() << "compares samples";
  const Tensor all = Loss(StudentAnswer(), SourceAnswer());
  Answer changed = StudentAnswer();
  GetParam().parts()[0](changed)[0][1][2] += 0.1;
  const Tensor differs = Loss(changed, SourceAnswer()) != all;
  EXPECT_TRUE(differs[0][1].item<bool>());
  EXPECT_EQ(differs.sum().item<std::int64_t>(), 1);
}

TEST_P(RuleConformanceTest, AMemberAloneHasTheSameLoss) {
  const auto last = [](Answer answer) {
    for (Tensor* part : {&answer.mean, &answer.log_std, &answer.location, &answer.logits}) {
      if (part->defined()) *part = part->narrow(0, 1, 1);
    }
    for (Tensor& feature : answer.features) feature = feature.narrow(0, 1, 1);
    return answer;
  };
  Context context = SomeContext();
  context.labels = context.labels.narrow(0, 1, 1);
  context.samples = context.samples.narrow(0, 1, 1);
  const Tensor alone =
      Make({kSeeds[1]})->Loss(last(StudentAnswer()), last(SourceAnswer()), context);
  const Tensor both = Loss(StudentAnswer(), SourceAnswer());
  EXPECT_TRUE(at::allclose(alone, both.narrow(0, 1, 1), 1e-12, 1e-12));
}

TEST_P(RuleConformanceTest, TheGradientReachesTheStudentAlone) {
  Answer student = StudentAnswer(), source = SourceAnswer();
  for (const auto& part : GetParam().parts()) {
    part(student).requires_grad_(true);
    part(source).requires_grad_(true);
  }
  Loss(student, source).sum().backward();
  for (const auto& part : GetParam().parts()) {
    ASSERT_TRUE(part(student).grad().defined());
    EXPECT_GT(part(student).grad().flatten(2).abs().sum(2).min().item<double>(), 0.0);
    EXPECT_FALSE(part(source).grad().defined());
  }
}

TEST_P(RuleConformanceTest, TheGradientReachesEveryParameterOfTheRule) {
  const auto rule = Make();
  EXPECT_EQ(rule->parameters().empty(), !TraitsOf(GetParam().rule).parameters);
  if (rule->parameters().empty()) GTEST_SKIP() << "has no parameters";
  rule->Loss(StudentAnswer(), SourceAnswer(), SomeContext()).sum().backward();
  for (const Tensor& leaf : rule->parameters()) {
    EXPECT_EQ(leaf.size(0), kMembers);
    ASSERT_TRUE(leaf.grad().defined());
    EXPECT_GT(leaf.grad().abs().sum(1).min().item<double>(), 0.0);
  }
}

TEST_P(RuleConformanceTest, TheGradientIsThatOfFiniteDifferences) {
  constexpr double kStep = 1e-6;
  if (GetParam().rule == RuleKind::kCrd) GTEST_SKIP() << "fixes its scale by the first batch";
  Answer student = StudentAnswer();
  for (const auto& part : GetParam().parts()) part(student).requires_grad_(true);
  Loss(student, SourceAnswer()).sum().backward();
  for (const auto& part : GetParam().parts()) {
    const Tensor gradient = part(student).grad();
    for (std::int64_t i = 0; i < gradient.numel(); i += 4) {
      const auto at_distance = [&](double distance) {
        Answer moved = StudentAnswer();
        part(moved).view({-1})[i] += distance;
        return Loss(moved, SourceAnswer()).sum().item<double>();
      };
      const double slope = (at_distance(kStep) - at_distance(-kStep)) / (2.0 * kStep);
      EXPECT_NEAR(gradient.reshape({-1})[i].item<double>(), slope, 1e-6 * (1.0 + std::abs(slope)));
    }
  }
}

TEST_P(RuleConformanceTest, ADeviationPerPolicyOrPerStateIsTheSame) {
  Answer student = StudentAnswer(), source = SourceAnswer();
  if (!student.log_std.defined()) GTEST_SKIP() << "there is no deviation";
  student.log_std = at::full({1, 1, 1}, -1.0, at::kDouble);
  source.log_std = at::full({1, 1, 1}, -0.5, at::kDouble);
  const Tensor shared = Loss(student, source);
  student.log_std = student.log_std.expand_as(student.mean).contiguous();
  source.log_std = source.log_std.expand_as(source.mean).contiguous();
  EXPECT_TRUE(at::allclose(shared, Loss(student, source), 1e-12, 1e-12));
}

PolicyOutput Gaussian(double mean, double std) {
  return {at::full({1, 1, 1}, mean), at::full({1, 1, 1}, std::log(std))};
}

double LossOf(RuleKind kind, const PolicyOutput& student, const PolicyOutput& source) {
  return MakeRule({.kind = kind})->Loss(student, source).item<double>();
}

// KL(N(0, 1) || N(1, 4)) = ln 2 + (1 + 1) / 8 - 1/2.
TEST(ForwardKlTest, IsThatOfTheSourceFromTheStudent) {
  EXPECT_NEAR(LossOf(RuleKind::kForwardKl, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)),
              std::log(2.0) + 0.25 - 0.5, 1e-6);
}

// KL(N(1, 4) || N(0, 1)) = -ln 2 + (4 + 1) / 2 - 1/2.
TEST(ReverseKlTest, IsThatOfTheStudentFromTheSource) {
  EXPECT_NEAR(LossOf(RuleKind::kReverseKl, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)),
              -std::log(2.0) + 2.5 - 0.5, 1e-6);
}

TEST(ActionMseTest, IsTheMeanOverTheActionsEntries) {
  const PolicyOutput student{at::tensor({1.0, 0.5, -0.5}).view({1, 1, 3}), {}};
  const PolicyOutput source{at::tensor({1.0, 0.0, 0.5}).view({1, 1, 3}), {}};
  EXPECT_NEAR(LossOf(RuleKind::kActionMse, student, source), (0.25 + 1.0) / 3.0, 1e-6);
}

// Means of Gaussians may lie beyond the range to which acting clips.
TEST(ActionMseTest, ActionsBeyondABoundAreTheSameAction) {
  const auto loss = [](double student, double source) {
    return LossOf(RuleKind::kActionMse, Gaussian(student, 1.0), Gaussian(source, 1.0));
  };
  for (const double sign : {1.0, -1.0}) {
    EXPECT_EQ(loss(sign * 3.0, sign * 1.5), 0.0);
    EXPECT_EQ(loss(sign * 1.2, sign * 1.5), 0.0);
    EXPECT_NEAR(loss(sign * 0.5, sign * 1.5), 0.25, 1e-6);
    EXPECT_NEAR(loss(sign * -2.0, sign * 1.5), 9.0, 1e-6);
    EXPECT_NEAR(loss(sign * 3.0, sign * 0.5), 6.25, 1e-6);  // so that it finds its way back
  }
}

PolicyOutput Squashed(double location, double std) {
  const PolicyOutput plain = Gaussian(location, std);
  return {plain.mean.tanh(), plain.log_std, plain.mean};
}

// Both Gaussians go through the same tanh, which changes no divergence.
TEST(DivergenceTest, OfTanhGaussiansIsThatBeforeTheTanh) {
  for (const RuleKind kind : {RuleKind::kForwardKl, RuleKind::kReverseKl}) {
    EXPECT_EQ(LossOf(kind, Squashed(1.0, 2.0), Squashed(0.0, 1.0)),
              LossOf(kind, Gaussian(1.0, 2.0), Gaussian(0.0, 1.0)));
  }
}

PolicyOutput Categorical(std::vector<double> probabilities) {
  const auto size = static_cast<std::int64_t>(probabilities.size());
  // Logits are no log-probabilities: any number may be added.
  const Tensor logits = at::tensor(probabilities).log().add(3.0).view({1, 1, size});
  return {logits.argmax(2, true).to(at::kFloat), {}, {}, logits};
}

// KL((1/2, 1/2) || (1/4, 3/4)) = ln(2) / 2 + ln(2/3) / 2.
TEST(DivergenceTest, OfCategoricalAnswersIsThatOfTheirProbabilities) {
  const PolicyOutput fair = Categorical({0.5, 0.5}), skewed = Categorical({0.25, 0.75});
  const double from_fair = 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3.0);
  const double from_skewed = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  EXPECT_NEAR(LossOf(RuleKind::kForwardKl, skewed, fair), from_fair, 1e-6);
  EXPECT_NEAR(LossOf(RuleKind::kReverseKl, skewed, fair), from_skewed, 1e-6);
}

TEST(DivergenceTest, TheTemperatureDividesLogitsAndMultipliesTheLossByItsSquare) {
  const PolicyOutput student = Categorical({0.04, 0.96}), source = Categorical({0.5, 0.5});
  // Square roots of the odds 1 : 24 are 1 : 4.9.
  const double root = std::sqrt(24.0);
  const PolicyOutput softened = Categorical({1.0 / (1.0 + root), root / (1.0 + root)});
  const RuleConfig config = {.kind = RuleKind::kForwardKl, .temperature = 2.0};
  const double loss = MakeRule(config)->Loss(student, source).item<double>();
  EXPECT_NEAR(loss, 4.0 * LossOf(RuleKind::kForwardKl, softened, source), 1e-6);
}

TEST(RuleTest, AnswersThatCannotBeComparedAreNamed) {
  const PolicyOutput alone{at::zeros({1, 1, 1}), {}};
  const auto refused = [](RuleKind kind, const PolicyOutput& student, const PolicyOutput& source) {
    return support::MessageOf<ConfigError>([&] { LossOf(kind, student, source); });
  };
  EXPECT_EQ(refused(RuleKind::kForwardKl, alone, Gaussian(0, 1)),
            "rule = \"forward_kl\" compares action distributions of one kind; the source's is a "
            "Gaussian, the student's is an action alone; allowed is \"action_mse\"");
  EXPECT_EQ(refused(RuleKind::kReverseKl, alone, alone),
            "rule = \"reverse_kl\" compares action distributions of one kind; the source's is an "
            "action alone, the student's is an action alone; allowed is \"action_mse\"");
  EXPECT_EQ(refused(RuleKind::kReverseKl, Squashed(0, 1), Gaussian(0, 1)),
            "rule = \"reverse_kl\" compares action distributions of one kind; the source's is a "
            "Gaussian, the student's is the tanh of a Gaussian; allowed is \"action_mse\"");
  EXPECT_EQ(refused(RuleKind::kActionMse, Categorical({0.5, 0.5}), Categorical({0.5, 0.5})),
            "rule = \"action_mse\" compares actions that are numbers, and these are discrete; "
            "allowed is \"forward_kl\" or \"reverse_kl\"");
}

TEST(RuleTest, ProbabilitiesOfOtherClassesAreRefused) {
  const PolicyOutput three = Categorical({0.2, 0.3, 0.5}), two = Categorical({0.5, 0.5});
  EXPECT_EQ(support::MessageOf<ConfigError>([&] { LossOf(RuleKind::kKd, two, three); }),
            "rule = \"kd\" compares probabilities of the same classes; the source has 3 classes, "
            "the student 2; allowed are rules of features, as \"sp\" or \"rkd\"");
  EXPECT_EQ(support::MessageOf<ConfigError>([&] { LossOf(RuleKind::kBrier, three, two); }),
            "rule = \"brier\" compares probabilities of the same classes; the source has 2 "
            "classes, the student 3; allowed are rules of features, as \"sp\" or \"rkd\"");
  EXPECT_EQ(support::MessageOf<ConfigError>([&] {
              LossOf(RuleKind::kBrier, Gaussian(0, 1), Categorical({0.5, 0.5}));
            }),
            "rule = \"brier\" compares probabilities of classes; the source's answer is "
            "categorical, the student's is a Gaussian; allowed is \"action_mse\" or a divergence");
}

RuleConfig Read(const std::string& text) {
  RuleConfig config;
  core::ConfigFile(text, "rule.toml", {}).Read(config);
  return config;
}

TEST(RuleConfigTest, TheTemperatureIsThePublishedOneWhereNoneIsGiven) {
  EXPECT_EQ(Read("rule = \"kd\"").temperature, 4.0);
  EXPECT_EQ(Read("rule = \"lskd\"").temperature, 2.0);
  EXPECT_EQ(Read("rule = \"forward_kl\"").temperature, 1.0);
  EXPECT_EQ(Read("rule = \"kd\"\ntemperature = 3.0").temperature, 3.0);
}

TEST(RuleConfigTest, ARuleHasItsOwnSettingsAlone) {
  EXPECT_EQ(Read("rule = \"dkd\"\nnon_target_weight = 2.0").non_target_weight, 2.0);
  const std::string message =
      support::MessageOf<ConfigError>([] { Read("rule = \"kd\"\nnon_target_weight = 2.0"); });
  EXPECT_NE(message.find("non_target_weight"), std::string::npos) << message;
}

TEST(RuleConfigTest, EveryRuleIsReadBackAsItIsWritten) {
  for (const auto& [name, kind] : kRules) {
    RuleConfig config = RuleDefaults(kind);
    const std::string text = core::ToToml(config);
    RuleConfig again = Read(text);
    EXPECT_EQ(again.kind, kind);
    EXPECT_EQ(core::ToToml(again), text) << name;
  }
}

}  // namespace
}  // namespace duet::distill
