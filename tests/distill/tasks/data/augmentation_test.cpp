#include "distill/tasks/data/augmentation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace duet::tasks {
namespace {

TEST(ViewTest, EveryViewHasItsOwnCode) {
  std::set<std::int64_t> codes;
  for (std::int64_t top = -64; top <= 64; ++top) {
    for (std::int64_t left = -64; left <= 64; ++left) {
      for (const bool flipped : {false, true}) {
        const View view{top, left, flipped};
        const std::int64_t code = EncodeView(view);
        EXPECT_GE(code, 0);
        EXPECT_EQ(DecodeView(code), view);
        codes.insert(code);
      }
    }
  }
  EXPECT_EQ(codes.size(), 129U * 129U * 2U);
  EXPECT_EQ(EncodeView({}), 0);
}

TEST(ViewTest, CropsReachEveryOffsetAndFlipsAreHalf) {
  core::Rng rng(1);
  std::set<std::int64_t> tops, lefts;
  int flips = 0;
  for (int i = 0; i < 2000; ++i) {
    const View view = DrawView({.crop_padding = 2, .flip = true}, rng);
    tops.insert(view.top);
    lefts.insert(view.left);
    flips += view.flipped ? 1 : 0;
  }
  EXPECT_EQ(tops, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(lefts, tops);
  EXPECT_NEAR(flips, 1000, 90);
  EXPECT_EQ(DrawView({}, rng), View{});
  EXPECT_FALSE(DrawView({.crop_padding = 2}, rng).flipped);
}

// Beta(a, a) has mean 1/2 and variance 1 / (8 a + 4).
TEST(MixTest, MixUpDrawsItsShareFromBeta) {
  core::Rng rng(2);
  for (const double alpha : {0.2, 1.0, 4.0}) {
    double sum = 0.0, squares = 0.0;
    constexpr int kDraws = 20'000;
    for (int i = 0; i < kDraws; ++i) {
      const Mix mix = DrawMix({.mixup_alpha = alpha}, 8, 8, rng);
      ASSERT_TRUE(mix.active);
      ASSERT_FALSE(mix.box);
      sum += mix.share;
      squares += (mix.share - 0.5) * (mix.share - 0.5);
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.01);
    EXPECT_NEAR(squares / kDraws, 1.0 / (8.0 * alpha + 4.0), 0.005);
  }
}

TEST(MixTest, CutMixSharesWhatItsBoxLeaves) {
  core::Rng rng(3);
  for (int i = 0; i < 500; ++i) {
    const Mix mix = DrawMix({.cutmix_alpha = 1.0}, 8, 12, rng);
    ASSERT_TRUE(mix.active && mix.box);
    ASSERT_TRUE(0 <= mix.top && mix.top <= mix.bottom && mix.bottom <= 8);
    ASSERT_TRUE(0 <= mix.left && mix.left <= mix.right && mix.right <= 12);
    const auto area = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
    EXPECT_DOUBLE_EQ(mix.share, 1.0 - area / 96.0);
  }
}

TEST(MixTest, BothKindsTakeTurnsAndNeitherIsNothing) {
  core::Rng rng(4);
  int boxes = 0;
  for (int i = 0; i < 1000; ++i) {
    boxes += DrawMix({.mixup_alpha = 1.0, .cutmix_alpha = 1.0}, 8, 8, rng).box ? 1 : 0;
  }
  EXPECT_NEAR(boxes, 500, 65);
  EXPECT_FALSE(DrawMix({}, 8, 8, rng).active);
}

}  // namespace
}  // namespace duet::tasks
