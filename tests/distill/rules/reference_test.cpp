// Losses and gradients beside those of plain PyTorch; data/rules.json is written by
// tests/reference/generate_rules.py.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "agents/tensor.h"
#include "core/config_reader.h"
#include "distill/tasks/metrics.h"
#include "tests/agents/support.h"
#include "tests/distill/rules/answers.h"

namespace duet::distill {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-9;

const json& Reference() {
  static const json reference =
      json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/distill/data/rules.json"));
  return reference;
}

// The arrays `key` of every member's record as [M, …].
Tensor Stack(const json& members, const char* key, std::vector<std::int64_t> shape) {
  std::vector<Tensor> parts;
  for (const json& member : members) {
    parts.push_back(at::tensor(member[key].get<std::vector<double>>(), at::kDouble).view(shape));
  }
  return at::stack(parts);
}

Tensor Losses(const json& members) {
  std::vector<double> losses;
  for (const json& member : members) losses.push_back(member["loss"]);
  return at::tensor(losses, at::kDouble);
}

RuleConfig Settings(const json& text) {
  RuleConfig config;
  core::ConfigFile(text.get<std::string>(), "reference.toml", {}).Read(config);
  return config;
}

// The student's feature or logits as a leaf, and whatever gradient it has got.
void ExpectGradient(const Tensor& leaf, const Tensor& expected, const std::string& name) {
  ASSERT_TRUE(leaf.grad().defined()) << name;
  EXPECT_TRUE(at::allclose(leaf.grad().reshape_as(expected), expected, 1e-7, kTolerance)) << name;
}

TEST(RuleReferenceTest, LogitRulesAreThoseOfPlainPyTorch) {
  const json& data = Reference()["logits"];
  const std::int64_t batch = data["batch"], classes = data["classes"];
  const json& members = data["members"];
  const Context context = {.labels = Stack(members, "labels", {batch}).to(at::kLong)};
  const Answer source = ClassifierAnswer(Stack(members, "source", {batch, classes}));
  for (const json& each : data["cases"]) {
    const std::string name = each["name"];
    const Tensor student = Stack(members, "student", {batch, classes}).requires_grad_(true);
    const Tensor losses =
        LossOf(Settings(each["settings"]), ClassifierAnswer(student), source, context).mean(1);
    EXPECT_LT(MaxDifference(losses, Losses(each["members"])), kTolerance) << name;
    losses.sum().backward();
    ExpectGradient(student, Stack(each["members"], "gradient", {batch, classes}), name);
  }
}

std::vector<std::int64_t> WithBatch(std::int64_t batch, std::vector<std::int64_t> shape) {
  shape.insert(shape.begin(), batch);
  return shape;
}

void ExpectFeatureRules(const json& data) {
  const std::int64_t batch = data["batch"];
  const std::vector<std::int64_t> student_shape = data["student_shape"];
  const std::vector<std::int64_t> source_shape = data["source_shape"];
  const json& members = data["members"];
  const Answer source =
      ClassifierAnswer({}, {Stack(members, "source", WithBatch(batch, source_shape))});
  const RuleInputs inputs = {.student = {student_shape},
                             .source = {source_shape},
                             .member_seeds = {1, 2},
                             .dtype = at::kDouble};
  for (const json& each : data["cases"]) {
    const std::string name = each["name"];
    const json& results = each["members"];
    const Tensor student =
        Stack(members, "student", WithBatch(batch, student_shape)).requires_grad_(true);
    const auto rule = MakeRule(Settings(each["settings"]), inputs);
    const std::vector<Tensor> parameters = rule->parameters();
    ASSERT_EQ(parameters.size(), results[0].contains("parameters") ? 1U : 0U) << name;
    if (!parameters.empty()) parameters[0].detach().copy_(Stack(results, "parameters", {-1}));
    const Tensor losses = rule->Loss(ClassifierAnswer({}, {student}), source).mean(1);
    EXPECT_LT(MaxDifference(losses, Losses(results)), kTolerance) << name;
    losses.sum().backward();
    ExpectGradient(student, Stack(results, "gradient", WithBatch(batch, student_shape)), name);
    if (!parameters.empty()) {
      ExpectGradient(parameters[0], Stack(results, "parameter_gradient", {-1}), name);
    }
  }
}

TEST(RuleReferenceTest, RulesOfMapsAreThoseOfPlainPyTorch) {
  ExpectFeatureRules(Reference()["maps"]);
}

TEST(RuleReferenceTest, RulesOfVectorsAreThoseOfPlainPyTorch) {
  ExpectFeatureRules(Reference()["vectors"]);
}

// Both members' memories of one side, [M, N, E].
Tensor Memories(const json& members, const char* key, std::size_t side, std::int64_t pool) {
  std::vector<Tensor> parts;
  for (const json& member : members) {
    const auto values = member[key][side].get<std::vector<double>>();
    parts.push_back(at::tensor(values, at::kDouble).view({pool, -1}));
  }
  return at::stack(parts);
}

TEST(RuleReferenceTest, CrdIsThatOfPlainPyTorchAndSoAreItsMemories) {
  const json& data = Reference()["crd"];
  const json& members = data["members"];
  const std::int64_t pool = data["batch"];
  const std::vector<std::int64_t> student_shape = data["student_shape"];
  const std::vector<std::int64_t> source_shape = data["source_shape"];
  const RuleConfig config = Settings(data["settings"]);
  const RuleInputs inputs = {.student = {student_shape},
                             .source = {source_shape},
                             .member_seeds = {1, 2},
                             .num_samples = pool,
                             .dtype = at::kDouble};
  const auto rule = MakeRule(config, inputs);
  const Tensor parameters = Stack(members, "parameters", {-1});
  const Tensor of_student = Memories(members, "memories", 0, pool);
  const Tensor of_source = Memories(members, "memories", 1, pool);
  rule->Load(*agents::Written([&](core::ArchiveWriter& writer) {
    rule->Save(writer, "rule");
    agents::SaveTensor(writer, "rule.parameters", parameters);
    agents::SaveTensor(writer, "rule.student_memory", of_student);
    agents::SaveTensor(writer, "rule.source_memory", of_source);
  }),
             "rule");
  const Tensor student =
      Stack(members, "student", WithBatch(pool, student_shape)).requires_grad_(true);
  const Answer source =
      ClassifierAnswer({}, {Stack(members, "source", WithBatch(pool, source_shape))});
  const Context context = {.samples = at::arange(pool, at::kLong).repeat({2, 1})};
  const Tensor losses = rule->Loss(ClassifierAnswer({}, {student}), source, context).mean(1);
  EXPECT_LT(MaxDifference(losses, Losses(members)), kTolerance);
  losses.sum().backward();
  ExpectGradient(student, Stack(members, "gradient", WithBatch(pool, student_shape)), "crd");
  ExpectGradient(rule->parameters()[0], Stack(members, "parameter_gradient", {-1}), "crd");
  // The next batch moves the memories.
  rule->Loss(ClassifierAnswer({}, {student}), source, context);
  const auto archive =
      agents::Written([&](core::ArchiveWriter& writer) { rule->Save(writer, "rule"); });
  EXPECT_LT(MaxDifference(agents::ReadTensor(*archive, "rule.student_memory"),
                          Memories(members, "moved", 0, pool)),
            kTolerance);
  EXPECT_LT(MaxDifference(agents::ReadTensor(*archive, "rule.source_memory"),
                          Memories(members, "moved", 1, pool)),
            kTolerance);
}

TEST(MetricReferenceTest, NumbersAreThoseOfPlainPyTorch) {
  const json& data = Reference()["metrics"];
  const std::int64_t classes = data["classes"];
  const auto read = [&](const char* key) {
    return at::tensor(data[key].get<std::vector<double>>(), at::kDouble).view({1, -1, classes});
  };
  const Tensor student = read("student"), teacher = read("teacher");
  const Tensor labels = at::tensor(data["labels"].get<std::vector<std::int64_t>>(), at::kLong);
  const Tensor confidence = tasks::LabelConfidence(student, labels);
  const std::map<std::string, Tensor> measured = {
      {"accuracy", tasks::Accuracy(student, labels)},
      {"negative_log_likelihood", tasks::NegativeLogLikelihood(student, labels)},
      {"calibration_error", tasks::CalibrationError(tasks::Reliability(student, labels, 10))},
      {"entropy", tasks::MeanEntropy(student)},
      {"confidence_std", tasks::SampleStd(confidence)},
      {"confidence_entropy", tasks::SpacingEntropy(confidence)},
      {"agreement", tasks::Agreement(student, teacher)},
      {"predictive_kl", tasks::PredictiveKl(student, teacher)},
      {"agreement_on_mistakes", tasks::AgreementOnMistakes(student, teacher, labels)},
      {"cka", tasks::Cka(student, teacher)}};
  EXPECT_EQ(measured.size(), 10U);
  for (const auto& [name, values] : measured) {
    EXPECT_NEAR(values.item<double>(), data[name].get<double>(), 1e-10) << name;
  }
}

}  // namespace
}  // namespace duet::distill
