#include <gtest/gtest.h>

#include "core/error.h"
#include "distill/tasks/networks/network.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

constexpr ImageShape kCifar10 = {};
constexpr ImageShape kCifar100 = {.num_classes = 100};
constexpr ImageShape kMnist = {.channels = 1, .height = 28, .width = 28};

std::int64_t NumParameters(const NetworkConfig& config, const ImageShape& shape) {
  return MakeNetwork(config, shape).num_parameters;
}

// The table of networks of arXiv:1902.03393's code, by hand: 3 x 3 convolutions with bias and batch
// normalisation.
TEST(ArchitecturesTest, PlainNetworksHaveThePublishedNumbersOfParameters) {
  EXPECT_EQ(NumParameters({.kind = "cnn2"}, kCifar10), 13'082);
  EXPECT_EQ(NumParameters({.kind = "cnn4"}, kCifar10), 37'338);
  EXPECT_EQ(NumParameters({.kind = "cnn6"}, kCifar10), 82'778);
  EXPECT_EQ(NumParameters({.kind = "cnn8"}, kCifar10), 327'962);
  EXPECT_EQ(NumParameters({.kind = "cnn10"}, kCifar10), 2'487'850);
  EXPECT_EQ(NumParameters({.kind = "cnn2"}, kCifar100), 215'172);
  EXPECT_EQ(NumParameters({.kind = "cnn4"}, kCifar100), 475'652);
  EXPECT_EQ(NumParameters({.kind = "cnn6"}, kCifar100), 1'107'204);
  EXPECT_EQ(NumParameters({.kind = "cnn8"}, kCifar100), 1'246'276);
  EXPECT_EQ(NumParameters({.kind = "cnn10"}, kCifar100), 2'931'460);
}

// Residual networks whose shortcuts are 1 x 1 convolutions where sizes change.
TEST(ArchitecturesTest, ResidualNetworksHaveTheNumbersOfParametersOfTheirLayers) {
  EXPECT_EQ(NumParameters({.kind = "resnet8"}, kCifar10), 78'042);
  EXPECT_EQ(NumParameters({.kind = "resnet20"}, kCifar10), 272'474);
  EXPECT_EQ(NumParameters({.kind = "resnet110"}, kCifar10), 1'730'714);
  EXPECT_EQ(NumParameters({.kind = "preresnet20"}, kCifar10), 272'282);
  EXPECT_EQ(NumParameters({.kind = "preresnet56"}, kCifar10), 590'426);
}

// Published for CIFAR-100: 1.23 and 7.43 million (arXiv:1910.10699's code).
TEST(ArchitecturesTest, NetworksFourTimesAsWideHaveTheirParameters) {
  EXPECT_EQ(NumParameters({.kind = "resnet8x4"}, kCifar100), 1'233'540);
  EXPECT_EQ(NumParameters({.kind = "resnet32x4"}, kCifar100), 7'433'860);
}

// Counted by hand for a first convolution of 3 x 3; multiplications as DiSK's code (ICLR 2023)
// gives them for its networks of ten layers, called s, m and l, and for those of 18 and 34.
TEST(ArchitecturesTest, NetworksOfFourStagesHaveTheirParametersAndMultiplications) {
  EXPECT_EQ(NumParameters({.kind = "resnet10"}, kCifar10), 4'903'242);
  EXPECT_EQ(NumParameters({.kind = "resnet18"}, kCifar10), 11'173'962);
  EXPECT_EQ(NumParameters({.kind = "resnet34"}, kCifar10), 21'282'122);
  const auto millions = [](const NetworkConfig& config) {
    return static_cast<double>(MakeNetwork(config, kCifar100).num_multiplications) / 1e6;
  };
  EXPECT_NEAR(millions({.kind = "resnet10", .width = 8}), 4.0, 0.5);
  EXPECT_NEAR(millions({.kind = "resnet10", .width = 16}), 16.0, 0.5);
  EXPECT_NEAR(millions({.kind = "resnet10", .width = 32}), 64.0, 0.5);
  EXPECT_NEAR(millions({.kind = "resnet18"}), 555.0, 1.0);
  EXPECT_NEAR(millions({.kind = "resnet34"}), 1159.0, 1.0);
}

// Counted by hand: of 16 blocks in each of three stages, 24 channels at the start. Published, with
// the statistics of normalisations left out too: 0.8 million (arXiv:1608.06993, table 2).
TEST(ArchitecturesTest, DenseNetworksHaveTheirParameters) {
  EXPECT_EQ(NumParameters({.kind = "densenet100"}, kCifar10), 769'162);
  EXPECT_EQ(NumParameters({.kind = "densenet100"}, kCifar100), 800'032);
  EXPECT_EQ(NumParameters({.kind = "densenet250", .growth = 24}, kCifar10), 15'324'406);
  const Network network = MakeNetwork({.kind = "densenet100"}, kCifar10);
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(network.steps[network.Find("stage1")].shape, (Sizes{216, 32, 32}));
  EXPECT_EQ(network.steps[network.Find("transition1")].shape, (Sizes{108, 16, 16}));
  EXPECT_EQ(network.steps[network.Find("penultimate")].shape, (Sizes{342}));
}

TEST(ArchitecturesTest, TheOthersToo) {
  EXPECT_EQ(NumParameters({.kind = "lenet5"}, kMnist), 61'706);
  EXPECT_EQ(NumParameters({.kind = "mlp", .hidden = {100}}, kMnist), 78'500 + 1'010);
  EXPECT_EQ(NumParameters({.kind = "mlp", .hidden = {}}, kMnist), 7'850);
  const ImageShape small = {.channels = 3, .height = 16, .width = 16, .num_classes = 10};
  EXPECT_EQ(NumParameters({.kind = "cnn", .channels = {16, 32, 64}}, small), 23'808 + 2'570);
  EXPECT_EQ(NumParameters({.kind = "cnn", .channels = {16, 32, 64}, .global_average = true}, small),
            23'808 + 650);
}

TEST(ArchitecturesTest, CountsTheMultiplicationsOfOneImage) {
  const std::int64_t convolutions = 27 * 16 * 1024 + 144 * 16 * 256;
  EXPECT_EQ(MakeNetwork({.kind = "cnn2"}, kCifar10).num_multiplications, convolutions + 10'240);
  EXPECT_EQ(MakeNetwork({.kind = "mlp", .hidden = {100}}, kMnist).num_multiplications,
            784 * 100 + 1'000);
}

TEST(ArchitecturesTest, LayersHaveNamesAndSizes) {
  const Network plain = MakeNetwork({.kind = "cnn4"}, kCifar10);
  using Names = std::vector<std::string>;
  EXPECT_EQ(plain.names, (Names{"conv1", "conv2", "conv3", "conv4", "penultimate", "logits"}));
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(plain.steps[plain.Find("conv1")].shape, (Sizes{16, 32, 32}));
  EXPECT_EQ(plain.steps[plain.Find("conv2")].shape, (Sizes{16, 16, 16}));
  EXPECT_EQ(plain.steps[plain.Find("penultimate")].shape, (Sizes{2048}));
  const Network residual = MakeNetwork({.kind = "resnet14"}, kCifar10);
  EXPECT_EQ(residual.names, (Names{"conv1", "stage1.block1", "stage1", "stage2.block1", "stage2",
                                   "stage3.block1", "stage3", "penultimate", "logits"}));
  EXPECT_EQ(residual.steps[residual.Find("stage2")].shape, (Sizes{32, 16, 16}));
  EXPECT_EQ(support::MessageOf<ConfigError>([&] { plain.Find("conv5"); }),
            "this network has no layer \"conv5\"; it has conv1, conv2, conv3, conv4, penultimate, "
            "logits");
}

TEST(ArchitecturesTest, RefusesWhatItDoesNotKnow) {
  for (const char* kind : {"cnn3", "resnet9", "resnet", "preresnet44", "densenet4", "densenet20",
                           "resnet20x4", "vgg16", "resnet20x"}) {
    EXPECT_EQ(support::MessageOf<ConfigError>([&] { Validate({.kind = kind}, kCifar10); }),
              std::string("network kind = \"") + kind +
                  "\" is not known; allowed are cnn, cnn2, cnn4, cnn6, cnn8, cnn10, resnet8, "
                  "resnet14, … resnet110 (6 n + 2), resnet8x4, resnet32x4, resnet10, resnet18, "
                  "resnet34, preresnet20 (6 n + 2 below 44), preresnet56 (9 n + 2 from 44), "
                  "densenet40, … densenet100 "
                  "(6 n + 4), lenet5, mlp");
  }
  EXPECT_EQ(support::MessageOf<ConfigError>(
                [&] { Validate({.kind = "cnn8"}, {.channels = 3, .height = 8, .width = 12}); }),
            "network kind = \"cnn8\" leaves nothing of images of 8 x 12");
}

}  // namespace
}  // namespace duet::tasks
