#include "distill/tasks/data/shapes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <vector>

namespace duet::tasks {
namespace {

ShapesConfig Small() { return {.size = 16, .train_images = 40, .test_images = 20}; }

TEST(ShapesTest, AreBalancedImagesOfThreeColours) {
  const ImageSet set = DrawShapes(Small(), false);
  CheckImageSet(set);
  EXPECT_EQ(set.pixels.sizes(), (at::IntArrayRef{40, 3, 16, 16}));
  EXPECT_TRUE(at::equal(at::bincount(set.labels), at::full({10}, 4, at::kLong)));
  EXPECT_EQ(set.class_names.size(), 10U);
}

TEST(ShapesTest, AnImageDependsOnItsNumberAlone) {
  const ImageSet set = DrawShapes(Small(), false);
  ShapesConfig larger = Small();
  larger.train_images = 60;
  EXPECT_TRUE(at::equal(DrawShapes(larger, false).pixels.narrow(0, 0, 40), set.pixels));
  EXPECT_FALSE(at::equal(DrawShapes(Small(), true).pixels, set.pixels.narrow(0, 0, 20)));
}

TEST(ShapesTest, EverySettingChangesThePictures) {
  const Tensor pixels = DrawShapes(Small(), false).pixels;
  std::vector<ShapesConfig> others(3, Small());
  others[0].noise = 0.0;
  others[1].distractors = 0;
  others[2].seed = 1;
  for (const ShapesConfig& other : others) {
    EXPECT_FALSE(at::equal(DrawShapes(other, false).pixels, pixels));
  }
  ShapesConfig fewer = Small();
  fewer.classes = 3;
  EXPECT_EQ(DrawShapes(fewer, false).labels.max().item<std::int64_t>(), 2);
  fewer.size = 24;
  EXPECT_EQ(DrawShapes(fewer, false).width(), 24);
}

// Without noise and distractors a shape covers a part of its picture: more colours than the
// background's, fewer than noise's.
TEST(ShapesTest, AShapeStandsOutFromItsBackground) {
  ShapesConfig clear = Small();
  clear.noise = 0.0;
  clear.distractors = 0;
  const Tensor pixels = DrawShapes(clear, false).pixels.to(at::kFloat) / 255.0;
  const Tensor spread = pixels.flatten(2).std(2, /*unbiased=*/false).amax(1);
  EXPECT_GT(spread.min().item<float>(), 0.02F);
}

}  // namespace
}  // namespace duet::tasks
