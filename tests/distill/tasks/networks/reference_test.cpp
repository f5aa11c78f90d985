// Numbers of plain PyTorch, written by tests/reference/generate_networks.py.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "distill/tasks/learning_rate.h"
#include "distill/tasks/networks/network.h"
#include "distill/tasks/sgd.h"
#include "tests/distill/tasks/networks/networks.h"

namespace duet::tasks {
namespace {

using nlohmann::json;

const json& Data() {
  static const json data =
      json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/distill/tasks/data/networks.json"));
  return data;
}

constexpr std::int64_t kBatch = 8, kClasses = 10, kMembers = 2;

Tensor Range(std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kDouble);
}

// As the script's start(), of both members.
void Start(Classifier& classifier) {
  const at::NoGradGuard no_grad;
  for (const ParameterBlock& block : classifier.layout()) {
    const Tensor wave = at::sin(0.7 * Range(block.offset, block.size()).pow(1.1));
    const bool sums = block.shape.size() > 1;
    const double scale = sums ? 1.0 / std::sqrt(static_cast<double>(block.inputs)) : 1.0;
    const bool is_scale = block.kind == ParameterKind::kScale;
    block.Rows(classifier.parameters()).copy_(is_scale ? 1.0 + 0.3 * wave : wave * scale);
  }
  for (const ParameterBlock& block : classifier.buffer_layout()) {
    block.Rows(classifier.buffers()).fill_(block.start == Start::kOne ? 1.0 : 0.0);
  }
}

Tensor Images(const ImageShape& shape, int step) {
  const std::int64_t count = kBatch * shape.channels * shape.height * shape.width;
  return at::sin(0.3 * Range(0, count).pow(1.2) + step)
      .view({1, kBatch, shape.channels, shape.height, shape.width})
      .expand({kMembers, -1, -1, -1, -1});
}

Tensor CrossEntropy(const Tensor& logits) {  // [M]
  const Tensor labels = (at::arange(kBatch, at::kLong) * 7 % kClasses).view({1, kBatch, 1});
  return -at::log_softmax(logits, 2).gather(2, labels.expand({kMembers, -1, -1})).mean({1, 2});
}

// The two numbers kept of each block.
void ExpectSame(const std::vector<ParameterBlock>& layout, const Tensor& rows, const json& expected,
                double tolerance, const char* what) {
  ASSERT_EQ(layout.size(), expected.size());
  for (std::size_t i = 0; i < layout.size(); ++i) {
    for (std::int64_t m = 0; m < kMembers; ++m) {
      const Tensor values = layout[i].Rows(rows.detach())[m].to(at::kDouble);
      const double size = std::sqrt(1.0 + values.square().sum().item<double>());
      const double sum = values.sum().item<double>();
      const double product = values.dot(at::cos(Range(0, values.numel()))).item<double>();
      EXPECT_NEAR(sum, expected[i][0].get<double>(), tolerance * size)
          << what << " of " << layout[i].name;
      EXPECT_NEAR(product, expected[i][1].get<double>(), tolerance * size)
          << what << " of " << layout[i].name;
    }
  }
}

void ExpectSameTraining(const json& expected, at::ScalarType type, double tolerance) {
  const ImageShape shape = {.channels = expected["channels"],
                            .height = expected["size"],
                            .width = expected["size"],
                            .num_classes = kClasses};
  const NetworkConfig config = {.kind = expected["kind"],
                                .width = expected.value("width", 64),
                                .growth = expected.value("growth", 12),
                                .hidden = {7, 5}};
  Classifier classifier(config, shape, kMembers, at::kCPU, type);
  Start(classifier);
  Sgd sgd({.momentum = 0.9, .weight_decay = 1e-3, .nesterov = true}, classifier.parameters());
  Tensor images;
  for (int step = 0; step < static_cast<int>(expected["losses"].size()); ++step) {
    images = Images(shape, step).to(type);
    classifier.parameters().mutable_grad() = Tensor();
    const Tensor losses = CrossEntropy(classifier.Forward(images, Mode::kTrain).logits);
    losses.sum().backward();
    const double loss = expected["losses"][static_cast<std::size_t>(step)];
    for (std::int64_t m = 0; m < kMembers; ++m) {
      EXPECT_NEAR(losses[m].item<double>(), loss, tolerance * loss) << "step " << step;
    }
    const Tensor gradients = classifier.parameters().grad();
    if (step == 0) {
      ExpectSame(classifier.layout(), gradients, expected["gradients"], tolerance, "gradient");
    }
    sgd.Step(classifier.parameters(), gradients, 0.02);
  }
  ExpectSame(classifier.layout(), classifier.parameters(), expected["parameters"], tolerance,
             "parameter");
  std::vector<ParameterBlock> statistics = classifier.buffer_layout();
  ExpectSame(statistics, classifier.buffers(), expected["statistics"], tolerance, "statistic");
  const at::NoGradGuard no_grad;
  const Tensor logits = classifier.Forward(images, Mode::kEvaluate).logits.to(at::kDouble);
  const auto values = expected["logits"].get<std::vector<double>>();
  const Tensor wanted = at::tensor(values, at::kDouble).view({1, kBatch, kClasses});
  EXPECT_LT(LargestDifference(logits, wanted), 10.0 * tolerance);
}

class NetworksReference : public testing::TestWithParam<std::size_t> {};

TEST_P(NetworksReference, TrainsAsPlainPyTorchInDoublePrecision) {
  ExpectSameTraining(Data()["cases"][GetParam()], at::kDouble, 1e-9);
}

TEST_P(NetworksReference, TrainsAsPlainPyTorch) {
  const json& expected = Data()["cases"][GetParam()];
  if (expected["kind"] == "preresnet47") GTEST_SKIP() << "so deep that rounding grows too large";
  ExpectSameTraining(expected, at::kFloat, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Networks, NetworksReference,
                         testing::Range<std::size_t>(0, Data()["cases"].size()),
                         [](const auto& test) {
                           return Data()["cases"][test.param]["kind"].template get<std::string>();
                         });

TEST(ParametersReference, AreAsManyAsInPlainPyTorch) {
  for (const json& count : Data()["counts"]) {
    const ImageShape shape = {
        .channels = 3, .height = count[2], .width = count[2], .num_classes = count[1]};
    EXPECT_EQ(MakeNetwork({.kind = count[0]}, shape).num_parameters, count[3]) << count[0];
  }
}

TEST(SchedulesReference, AreThoseOfPyTorch) {
  LearningRateConfig config{.learning_rate = 0.4, .final_learning_rate = 0.01};
  const auto expect_same = [&](const char* name) {
    const json& rates = Data()["rates"][name];
    const auto epochs = static_cast<std::int64_t>(rates.size());
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
      EXPECT_NEAR(LearningRateAt(config, static_cast<double>(epoch), epochs),
                  rates[static_cast<std::size_t>(epoch)].get<double>(), 1e-9)
          << name << " at epoch " << epoch;
    }
  };
  expect_same("cosine");
  config.warmup_epochs = 4;
  config.warmup_start = 0.25;
  expect_same("warm_up_and_cosine");
  config.warmup_epochs = 0;
  config.kind = LearningRateKind::kMultistep;
  config.milestones = {3, 7};
  config.decay = 0.2;
  expect_same("multistep");
  config.kind = LearningRateKind::kWarmRestarts;
  config.restart_epochs = 2;
  config.restart_factor = 2;
  expect_same("warm_restarts");
}

}  // namespace
}  // namespace duet::tasks
