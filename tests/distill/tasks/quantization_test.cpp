#include "distill/tasks/quantization.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/distill/tasks/networks/networks.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

Tensor SomeWeights(std::int64_t channels, std::int64_t count) {
  std::vector<core::Rng> rngs(1, core::Rng(4));
  return agents::DrawNormal(rngs, {channels, count}, at::kCPU);
}

TEST(QuantizationTest, AChannelTakesFewValues) {
  for (const std::int64_t bits : {2, 3, 4, 8}) {
    const Tensor weights = SomeWeights(5, 2000);
    const Tensor quantized = FakeQuantize(weights, QuantizationSteps(weights, bits), bits);
    for (std::int64_t c = 0; c < 5; ++c) {
      const Tensor row = quantized[c].contiguous();
      const float* values = row.const_data_ptr<float>();
      const std::set<float> levels(values, values + row.numel());
      EXPECT_LE(levels.size(), (std::size_t{1} << bits) - 1);
      EXPECT_GT(levels.size(), (std::size_t{1} << (bits - 1)) - 1);
      EXPECT_TRUE(levels.contains(0.0F));
      EXPECT_NEAR(*levels.rbegin(), std::abs(*levels.begin()),
                  *levels.rbegin() * 1e-6 + std::abs(*levels.begin()));
    }
  }
}

TEST(QuantizationTest, MovesNoWeightByMoreThanHalfAStep) {
  const Tensor weights = SomeWeights(5, 2000);
  const Tensor step = QuantizationSteps(weights, 4);
  const Tensor moved = (FakeQuantize(weights, step, 4) - weights).abs() / step.unsqueeze(1);
  EXPECT_LT(moved.max().item<double>(), 0.5 + 1e-4);
}

TEST(QuantizationTest, ASecondTimeChangesNoBit) {
  Classifier classifier = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1, 2});
  for (const std::int64_t bits : {2, 3, 5, 8, 10}) {
    const Tensor once =
        QuantizeWeights(classifier.layout(), classifier.parameters().detach(), bits);
    EXPECT_FALSE(once.equal(classifier.parameters()));
    EXPECT_TRUE(QuantizeWeights(classifier.layout(), once, bits).equal(once)) << bits;
  }
}

TEST(QuantizationTest, LeavesBiasesAndNormalisationAlone) {
  Classifier classifier = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1, 2});
  const Tensor quantized = QuantizeWeights(classifier.layout(), classifier.parameters(), 3);
  for (const ParameterBlock& block : classifier.layout()) {
    const bool is_weight =
        block.kind == ParameterKind::kConvolution || block.kind == ParameterKind::kLinear;
    EXPECT_NE(block.Rows(quantized).equal(block.Rows(classifier.parameters())), is_weight)
        << block.name;
  }
}

TEST(QuantizationTest, TheGradientGoesStraightThroughInsideTheRange) {
  const Tensor weights = at::tensor({-3.0F, -1.2F, 0.1F, 0.6F, 1.4F, 2.0F}).unsqueeze(0);
  Tensor leaf = weights.clone().requires_grad_();
  const Tensor step = at::tensor({0.5F});  // 3 bits: -1.5 … 1.5
  const Tensor quantized = FakeQuantize(leaf, step, 3);
  EXPECT_TRUE(
      quantized.detach().equal(at::tensor({-1.5F, -1.0F, 0.0F, 0.5F, 1.5F, 1.5F}).unsqueeze(0)));
  quantized.sum().backward();
  EXPECT_TRUE(leaf.grad().equal(at::tensor({0.0F, 1.0F, 1.0F, 1.0F, 1.0F, 0.0F}).unsqueeze(0)));
}

TEST(QuantizationTest, TheGradientOfANetworkIsThatByItsQuantisedParameters) {
  Classifier classifier = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1, 2});
  const Tensor images = SomeImages(kSmallImages, 6, {1, 2});
  const auto gradient = [&](const Tensor& parameters) {
    return classifier.ForwardWith(parameters, images, Mode::kTrain).logits.square().sum();
  };
  Tensor quantized =
      QuantizeWeights(classifier.layout(), classifier.parameters().detach(), 4).requires_grad_();
  gradient(quantized).backward();
  gradient(QuantizeWeights(classifier.layout(), classifier.parameters(), 4)).backward();
  EXPECT_LT(LargestDifference(classifier.parameters().grad(), quantized.grad()), 1e-6);
}

TEST(QuantizationTest, SurvivesAChannelOfZeros) {
  const Tensor weights = at::zeros({2, 7});
  EXPECT_TRUE(FakeQuantize(weights, QuantizationSteps(weights, 4), 4).equal(weights));
}

TEST(QuantizationTest, RefusesOtherNumbersOfBits) {
  EXPECT_EQ(support::MessageOf<std::invalid_argument>([] {
              QuantizationSteps(at::zeros({1, 1}), 1);
            }),
            "weights of 1 bits; allowed are 2 to 10");
}

}  // namespace
}  // namespace duet::tasks
