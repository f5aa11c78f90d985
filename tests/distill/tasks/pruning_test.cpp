#include "distill/tasks/pruning.h"

#include <gtest/gtest.h>

#include "distill/tasks/sgd.h"
#include "tests/distill/tasks/networks/networks.h"

namespace duet::tasks {
namespace {

bool IsWeight(const ParameterBlock& block) {
  return block.kind == ParameterKind::kConvolution || block.kind == ParameterKind::kLinear;
}

std::int64_t NumZeros(const Tensor& values) { return values.eq(0.0).sum().item<std::int64_t>(); }

// Zeros of the mask in one row, by layer.
std::vector<std::pair<std::int64_t, std::int64_t>> ZerosAndSizes(const Classifier& classifier,
                                                                 const Tensor& mask,
                                                                 std::int64_t row) {
  std::vector<std::pair<std::int64_t, std::int64_t>> found;
  for (const ParameterBlock& block : classifier.layout()) {
    const std::int64_t zeros = NumZeros(block.Rows(mask)[row]);
    if (IsWeight(block)) {
      found.emplace_back(zeros, block.size());
    } else {
      EXPECT_EQ(zeros, 0) << block.name;
    }
  }
  return found;
}

class PruningTest : public testing::Test {
 protected:
  Classifier classifier_ = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1, 2});
};

TEST_F(PruningTest, TakesExactlyTheShareOfEachMembersWeights) {
  for (const double sparsity : {0.0, 0.37, 0.9}) {
    const Tensor mask =
        MagnitudeMask({.sparsity = sparsity}, classifier_.layout(), classifier_.parameters());
    for (std::int64_t m = 0; m < 2; ++m) {
      std::int64_t zeros = 0, weights = 0;
      for (const auto& [of_layer, size] : ZerosAndSizes(classifier_, mask, m)) {
        zeros += of_layer;
        weights += size;
      }
      EXPECT_EQ(zeros, std::llround(sparsity * static_cast<double>(weights)));
    }
  }
}

TEST_F(PruningTest, OrOfEachLayersWeights) {
  const Tensor mask = MagnitudeMask({.sparsity = 0.7, .scope = PruningScope::kLayer},
                                    classifier_.layout(), classifier_.parameters());
  for (const auto& [zeros, size] : ZerosAndSizes(classifier_, mask, 1)) {
    EXPECT_EQ(zeros, std::llround(0.7 * static_cast<double>(size)));
  }
}

TEST_F(PruningTest, TakesTheSmallest) {
  const Tensor mask =
      MagnitudeMask({.sparsity = 0.8}, classifier_.layout(), classifier_.parameters());
  double largest_gone = 0.0, smallest_kept = 1e9;
  for (const ParameterBlock& block : classifier_.layout()) {
    if (!IsWeight(block)) continue;
    const Tensor weights = block.Rows(classifier_.parameters().detach())[0].abs();
    const Tensor kept = block.Rows(mask)[0].to(at::kBool);
    const Tensor gone_weights = weights.masked_select(~kept),
                 kept_weights = weights.masked_select(kept);
    if (gone_weights.numel() > 0) {
      largest_gone = std::max(largest_gone, gone_weights.max().item<double>());
    }
    if (kept_weights.numel() > 0) {
      smallest_kept = std::min(smallest_kept, kept_weights.min().item<double>());
    }
  }
  EXPECT_LE(largest_gone, smallest_kept);
}

TEST_F(PruningTest, GoesOnWithinAnEarlierMask) {
  const PruningConfig half{.sparsity = 0.5}, more{.sparsity = 0.9};
  const Tensor first = MagnitudeMask(half, classifier_.layout(), classifier_.parameters());
  const Tensor grown = (classifier_.parameters().detach() * first + (1.0 - first)).clone();
  const Tensor second = MagnitudeMask(more, classifier_.layout(), grown, first);
  EXPECT_EQ((second * (1.0 - first)).abs().sum().item<double>(), 0.0);
  EXPECT_NEAR(Sparsity(classifier_.layout(), second)[0].item<double>(), 0.9, 1e-3);
}

TEST_F(PruningTest, StaysExactAfterEveryOptimizerStep) {
  const PruningConfig config{.sparsity = 0.9};
  Sgd sgd({.momentum = 0.9, .weight_decay = 1e-3}, classifier_.parameters());
  const auto step = [&] {
    classifier_.parameters().mutable_grad() = Tensor();
    const Tensor images = SomeImages(kSmallImages, 8, {1, 2});
    classifier_.Forward(images, Mode::kTrain).logits.square().sum().backward();
    sgd.Step(classifier_.parameters(), classifier_.parameters().grad(), 1e-3);
  };
  for (int i = 0; i < 3; ++i) step();  // momentum for weights that will go
  const Tensor mask = MagnitudeMask(config, classifier_.layout(), classifier_.parameters());
  const Tensor expected = Sparsity(classifier_.layout(), mask);
  for (int i = 0; i < 3; ++i) {
    step();
    EXPECT_FALSE(Sparsity(classifier_.layout(), classifier_.parameters()).equal(expected));
    ApplyMask(mask, classifier_.parameters());
    EXPECT_TRUE(Sparsity(classifier_.layout(), classifier_.parameters()).equal(expected));
  }
}

TEST_F(PruningTest, ATicketIsTheInitialNetworkUnderTheMask) {
  const Tensor initial = classifier_.parameters().detach().clone();
  ApplyMask(at::full_like(initial, 0.5), classifier_.parameters());
  const Tensor mask =
      MagnitudeMask({.sparsity = 0.9}, classifier_.layout(), classifier_.parameters());
  Rewind(initial, mask, classifier_.parameters());
  EXPECT_TRUE(classifier_.parameters().detach().equal(initial * mask));
  EXPECT_TRUE(classifier_.parameters().requires_grad());
}

TEST_F(PruningTest, MembersAreIndependent) {
  const Tensor mask =
      MagnitudeMask({.sparsity = 0.9}, classifier_.layout(), classifier_.parameters());
  Classifier alone = MakeClassifier({.kind = "cnn4"}, kSmallImages, {2});
  EXPECT_TRUE(
      MagnitudeMask({.sparsity = 0.9}, alone.layout(), alone.parameters())[0].equal(mask[1]));
}

}  // namespace
}  // namespace duet::tasks
