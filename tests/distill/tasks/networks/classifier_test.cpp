#include "distill/tasks/networks/classifier.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/distill/tasks/networks/networks.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kBatch = 6;
const std::vector<std::uint64_t> kSeeds = {11, 12, 13};

const std::vector<NetworkConfig>& Networks() {
  static const std::vector<NetworkConfig> networks = {
      {.kind = "cnn", .channels = {5, 8}},
      {.kind = "cnn", .channels = {8}, .global_average = true},
      {.kind = "cnn4"},
      {.kind = "resnet8"},
      {.kind = "preresnet8"},
      {.kind = "preresnet47"},
      {.kind = "densenet10", .growth = 5},
      {.kind = "densenet10", .growth = 8},
      {.kind = "lenet5"},
      {.kind = "mlp", .hidden = {7, 5}}};
  return networks;
}

// A loss [M] in which every number of the answer counts differently.
Tensor SomeLoss(const Classification& answer) {
  const auto weighted = [](const Tensor& t) {
    const Tensor flat = t.flatten(1);
    return (at::sin(at::arange(flat.size(1), flat.options())) * flat).sum(1);
  };
  Tensor loss = weighted(answer.logits) / 10.0;
  for (const Tensor& feature : answer.features) loss = loss + weighted(feature) / 50.0;
  return loss;
}

// The gradient, [M, P], of SomeLoss.
Tensor GradientOf(Classifier& classifier, const Tensor& images, Mode mode,
                  const std::vector<std::string>& taps = {}) {
  classifier.parameters().mutable_grad() = Tensor();
  SomeLoss(classifier.Forward(images, mode, taps)).sum().backward();
  return classifier.parameters().grad();
}

std::vector<std::string> AllMaps(const Classifier& classifier) {
  const auto& names = classifier.layer_names();
  return {names.begin(), names.end() - 1};
}

class EveryNetwork : public testing::TestWithParam<std::size_t> {
 protected:
  const NetworkConfig& network() const { return Networks()[GetParam()]; }
};

INSTANTIATE_TEST_SUITE_P(Classifier, EveryNetwork, testing::Range<std::size_t>(0, 8),
                         [](const auto& test) {
                           return Networks()[test.param].kind + std::to_string(test.param);
                         });

// Along random directions through all parameters of a kind.
TEST_P(EveryNetwork, HasTheGradientOfFiniteDifferences) {
  Classifier classifier = MakeClassifier(network(), kSmallImages, {3}, at::kDouble);
  const Tensor images = SomeImages(kSmallImages, kBatch, {3}).to(at::kDouble);
  const std::vector<std::string> taps = AllMaps(classifier);
  for (const Mode mode : {Mode::kTrain, Mode::kEvaluate}) {
    const Tensor gradient = GradientOf(classifier, images, mode, taps);
    const at::NoGradGuard no_grad;
    const Tensor buffers = classifier.buffers().clone();
    const auto loss_at = [&](const Tensor& parameters) {
      classifier.buffers().copy_(buffers);
      return SomeLoss(classifier.ForwardWith(parameters, images, mode, taps)).item<double>();
    };
    for (const ParameterKind kind :
         {ParameterKind::kConvolution, ParameterKind::kLinear, ParameterKind::kBias,
          ParameterKind::kScale, ParameterKind::kShift}) {
      Tensor direction = at::zeros_like(gradient);
      for (const ParameterBlock& block : classifier.layout()) {
        if (block.kind != kind) continue;
        const Tensor part = block.Rows(direction);
        part.copy_(at::cos(at::arange(block.size(), direction.options()) * 1.7));
      }
      constexpr double kStep = 1e-9;  // so that no ReLU changes its mind on the way
      const double slope = (loss_at(classifier.parameters() + kStep * direction) -
                            loss_at(classifier.parameters() - kStep * direction)) /
                           (2 * kStep);
      EXPECT_NEAR((gradient * direction).sum().item<double>(), slope,
                  1e-4 * (1.0 + std::abs(slope)))
          << static_cast<int>(kind);
    }
  }
}

// In double precision up to its rounding; in float32, which goes other ways on the CPU, up to that
// of a gradient's largest entries.
TEST_P(EveryNetwork, MembersAreTheSameAloneAndTogether) {
  struct Precision {
    at::ScalarType type;
    double gradient, answer, buffer;  // largest differences; a gradient's in its largest entry
  };
  for (const auto& allowed :
       {Precision{at::kDouble, 1e-11, 1e-11, 1e-12}, Precision{at::kFloat, 5e-6, 1e-4, 1e-5}}) {
    for (const Stacking stacking : {Stacking::kSeparate, Stacking::kGrouped}) {
      Classifier together = MakeClassifier(network(), kSmallImages, kSeeds, allowed.type);
      together.set_stacking(stacking);
      const Tensor images = SomeImages(kSmallImages, kBatch, kSeeds).to(allowed.type);
      const std::vector<std::string> taps = AllMaps(together);
      const Tensor gradient = GradientOf(together, images, Mode::kTrain, taps);
      const Classification answer = together.Forward(images, Mode::kEvaluate, taps);
      for (std::size_t m = 0; m < kSeeds.size(); ++m) {
        const auto row = static_cast<std::int64_t>(m);
        Classifier alone = MakeClassifier(network(), kSmallImages, {kSeeds[m]}, allowed.type);
        const Tensor own = images.narrow(0, row, 1);
        const Tensor own_gradient = GradientOf(alone, own, Mode::kTrain, taps);
        EXPECT_LT(LargestDifference(gradient[row], own_gradient[0]),
                  allowed.gradient * own_gradient.abs().max().item<double>());
        EXPECT_TRUE(together.buffers()[row].allclose(alone.buffers()[0], allowed.buffer,
                                                     allowed.buffer / 10.0));
        const Classification own_answer = alone.Forward(own, Mode::kEvaluate, taps);
        EXPECT_LT(LargestDifference(answer.logits[row], own_answer.logits[0]), allowed.answer);
        for (std::size_t i = 0; i < taps.size(); ++i) {
          EXPECT_LT(LargestDifference(answer.features[i][row], own_answer.features[i][0]),
                    allowed.answer)
              << taps[i];
        }
      }
    }
  }
}

TEST_P(EveryNetwork, OneMembersImagesDoNotReachTheOthers) {
  for (const Stacking stacking : {Stacking::kSeparate, Stacking::kGrouped}) {
    Classifier one = MakeClassifier(network(), kSmallImages, kSeeds);
    Classifier other = MakeClassifier(network(), kSmallImages, kSeeds);
    one.set_stacking(stacking);
    other.set_stacking(stacking);
    Tensor images = SomeImages(kSmallImages, kBatch, kSeeds);
    const Tensor before = GradientOf(one, images, Mode::kTrain).clone();
    images[1].add_(1.0);
    const Tensor after = GradientOf(other, images, Mode::kTrain);
    EXPECT_TRUE(after[0].equal(before[0]));
    EXPECT_FALSE(after[1].allclose(before[1]));
    EXPECT_TRUE(after[2].equal(before[2]));
    EXPECT_TRUE(one.buffers()[2].equal(other.buffers()[2]));
  }
}

TEST_P(EveryNetwork, ContinuesFromAnArchive) {
  Classifier classifier = MakeClassifier(network(), kSmallImages, kSeeds);
  const Tensor images = SomeImages(kSmallImages, kBatch, kSeeds);
  {
    const at::NoGradGuard no_grad;
    classifier.Forward(images, Mode::kTrain);
  }
  const auto archive =
      Written([&](core::ArchiveWriter& writer) { classifier.Save(writer, "student"); });
  Classifier loaded = MakeClassifier(network(), kSmallImages, {1, 2});
  loaded.Load(*archive, "student", std::vector<std::int64_t>{2, 0});
  EXPECT_TRUE(loaded.parameters()[0].equal(classifier.parameters()[2]));
  EXPECT_TRUE(loaded.buffers()[1].equal(classifier.buffers()[0]));
  EXPECT_TRUE(loaded.parameters().requires_grad() && loaded.parameters().is_leaf());
  const std::vector<std::int64_t> chosen = {2, 0};
  const Classifier selected = classifier.Select(chosen);
  EXPECT_TRUE(selected.parameters().equal(loaded.parameters()));
  EXPECT_TRUE(selected.buffers().equal(loaded.buffers()));
}

TEST_P(EveryNetwork, AnswersWithTheShapesThatItPromises) {
  Classifier classifier = MakeClassifier(network(), kSmallImages, {1, 2});
  const std::vector<std::string>& names = classifier.layer_names();
  const Classification answer =
      classifier.Forward(SomeImages(kSmallImages, kBatch, {1, 2}), Mode::kTrain, names);
  EXPECT_EQ(answer.logits.sizes(), (std::vector<std::int64_t>{2, kBatch, 4}));
  ASSERT_EQ(answer.features.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<std::int64_t> expected = {2, kBatch};
    const std::vector<std::int64_t>& shape = classifier.layer_shape(names[i]);
    expected.insert(expected.end(), shape.begin(), shape.end());
    EXPECT_EQ(answer.features[i].sizes(), expected) << names[i];
  }
  EXPECT_TRUE(answer.features.back().equal(answer.logits));
}

TEST(ClassifierTest, TapsMayComeInAnyOrderAndTwice) {
  Classifier classifier = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1});
  const Tensor images = SomeImages(kSmallImages, kBatch, {1});
  const std::vector<std::string> taps = {"conv3", "conv1", "conv3"};
  const Classification answer = classifier.Forward(images, Mode::kEvaluate, taps);
  EXPECT_EQ(answer.features[0].size(2), 32);
  EXPECT_EQ(answer.features[1].size(2), 16);
  EXPECT_TRUE(answer.features[2].equal(answer.features[0]));
}

TEST(ClassifierTest, ALossOfFeaturesAloneHasAGradient) {
  Classifier classifier = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1});
  const Tensor images = SomeImages(kSmallImages, kBatch, {1});
  const std::vector<std::string> taps = {"conv2"};
  classifier.Forward(images, Mode::kTrain, taps).features[0].square().sum().backward();
  const Tensor gradient = classifier.parameters().grad();
  for (const ParameterBlock& block : classifier.layout()) {
    const bool before = block.name.starts_with("conv1") || block.name.starts_with("conv2");
    const bool always_zero = block.kind == ParameterKind::kBias;  // the mean takes it away
    EXPECT_EQ(block.Rows(gradient).abs().sum().item<double>() > 0.0, before && !always_zero)
        << block.name;
  }
}

TEST(ClassifierTest, EvaluationChangesNothingAndRecordsNothingWithoutGradients) {
  Classifier classifier = MakeClassifier({.kind = "resnet8"}, kSmallImages, {1, 2});
  const Tensor buffers = classifier.buffers().clone();
  const Tensor images = SomeImages(kSmallImages, kBatch, {1, 2});
  EXPECT_TRUE(classifier.Forward(images, Mode::kEvaluate).logits.requires_grad());
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(classifier.Forward(images, Mode::kEvaluate).logits.requires_grad());
  EXPECT_TRUE(classifier.buffers().equal(buffers));
}

TEST(ClassifierTest, OtherParametersGetTheGradient) {
  Classifier classifier = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1});
  const Tensor images = SomeImages(kSmallImages, kBatch, {1});
  const Tensor own = GradientOf(classifier, images, Mode::kTrain).clone();
  classifier.parameters().mutable_grad() = Tensor();
  const Tensor halved = classifier.parameters() * 0.5;
  SomeLoss(classifier.ForwardWith(halved * 2.0, images, Mode::kTrain)).sum().backward();
  EXPECT_LT(LargestDifference(classifier.parameters().grad(), own), 1e-6);
}

TEST(ClassifierTest, RefreshedStatisticsAreTheMeanOverTheBatches) {
  Classifier classifier = MakeClassifier({.kind = "cnn", .channels = {4}}, kSmallImages, {1});
  const at::NoGradGuard no_grad;
  std::vector<Tensor> expected;
  for (const std::uint64_t seed : {7, 8, 9}) {
    Classifier one = classifier.Select(std::vector<std::int64_t>{0});
    const Tensor images = SomeImages(kSmallImages, kBatch, {seed});
    one.RefreshStatistics(
        [&, given = false]() mutable { return std::exchange(given, true) ? Tensor() : images; });
    expected.push_back(one.buffers().clone());
  }
  classifier.RefreshStatistics([seed = std::uint64_t{7}]() mutable {
    return seed > 9 ? Tensor() : SomeImages(kSmallImages, kBatch, {seed++});
  });
  EXPECT_LT(LargestDifference(classifier.buffers(), at::stack(expected).mean(0)), 1e-6);
}

TEST(ClassifierTest, StartsInTheBoundsOfTheirLayers) {
  const Classifier classifier = MakeClassifier({.kind = "cnn4"}, {}, {5, 6});
  EXPECT_FALSE(classifier.parameters()[0].equal(classifier.parameters()[1]));
  for (const ParameterBlock& block : classifier.layout()) {
    const Tensor values = block.Rows(classifier.parameters().detach());
    const double largest = values.abs().max().item<double>();
    if (block.kind == ParameterKind::kScale) {
      EXPECT_TRUE(values.eq(1.0).all().item<bool>());
    } else if (block.kind == ParameterKind::kShift) {
      EXPECT_EQ(largest, 0.0);
    } else {
      const double bound = 1.0 / std::sqrt(static_cast<double>(block.inputs));
      EXPECT_LE(largest, bound) << block.name;
      EXPECT_GT(largest, 0.8 * bound) << block.name;
    }
  }
  const Classifier residual = MakeClassifier({.kind = "resnet8"}, {}, {5});
  const ParameterBlock& weight = residual.layout().front();
  EXPECT_NEAR(weight.Rows(residual.parameters().detach()).std().item<double>(),
              std::sqrt(2.0 / (9 * 16)), 0.01);
}

TEST(ClassifierTest, SaysWhatIsWrong) {
  Classifier classifier = MakeClassifier({.kind = "cnn2"}, kSmallImages, {1, 2});
  EXPECT_EQ(support::MessageOf<std::invalid_argument>([&] {
              classifier.Forward(at::zeros({1, 3, 3, 12, 12}), Mode::kTrain);
            }),
            "images has shape [1, 3, 3, 12, 12]; expected is [2, -1, 3, 12, 12]");
  const auto archive = Written([&](core::ArchiveWriter& writer) { classifier.Save(writer, "n"); });
  Classifier other = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1, 2});
  EXPECT_EQ(support::MessageOf<IoError>([&] { other.Load(*archive, "n"); }),
            archive->path().string() +
                ": \"n.parameters\" has rows of shape [3412]; this run needs [18004]");
}

}  // namespace
}  // namespace duet::tasks
