#include "distill/tasks/compression.h"

#include <gtest/gtest.h>

#include "tests/distill/tasks/networks/networks.h"

namespace duet::tasks {
namespace {

std::int64_t NumWeights(const Classifier& classifier) {
  std::int64_t count = 0;
  for (const ParameterBlock& block : classifier.layout()) {
    const bool weight =
        block.kind == ParameterKind::kConvolution || block.kind == ParameterKind::kLinear;
    if (weight) count += block.size();
  }
  return count;
}

class CompressionTest : public testing::Test {
 protected:
  Compression Make(double sparsity, std::int64_t bits) {
    return {{.pruning = {.sparsity = sparsity}, .mask_from = {}, .bits = bits},
            classifier_.layout(),
            classifier_.parameters().detach()};
  }

  Classifier classifier_ = MakeClassifier({.kind = "cnn4"}, kSmallImages, {1, 2});
  const double all_ = static_cast<double>(classifier_.num_parameters());
  const double weights_ = static_cast<double>(NumWeights(classifier_));
};

TEST_F(CompressionTest, WithoutSettingsNothingChanges) {
  const Compression compression = Make(0.0, 0);
  const Tensor before = classifier_.parameters().detach().clone();
  compression.Prune(classifier_.parameters());
  EXPECT_TRUE(classifier_.parameters().equal(before));
  EXPECT_TRUE(compression.InUse(classifier_.parameters()).is_same(classifier_.parameters()));
  EXPECT_EQ(compression.Sizes(before), (std::vector<double>{all_, all_}));
}

TEST_F(CompressionTest, APrunedWeightCountsNothing) {
  const Compression compression = Make(0.75, 0);
  compression.Prune(classifier_.parameters());
  for (const double size : compression.Sizes(classifier_.parameters().detach())) {
    EXPECT_NEAR(size, all_ - 0.75 * weights_, 0.51);
  }
}

TEST_F(CompressionTest, AWeightOfFewBitsCountsByThem) {
  const Compression compression = Make(0.0, 4);
  const Tensor used = compression.InUse(classifier_.parameters().detach());
  EXPECT_FALSE(used.equal(classifier_.parameters()));
  for (const double size : compression.Sizes(used)) {
    EXPECT_DOUBLE_EQ(size, all_ - weights_ + weights_ / 8.0);
  }
}

}  // namespace
}  // namespace duet::tasks
