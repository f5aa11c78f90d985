#include "distill/tasks/data/image_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/error.h"
#include "distill/tasks/data/normalization.h"
#include "tests/distill/tasks/data/images.h"
#include "tests/support/message_of.h"

namespace duet::tasks {
namespace {

TEST(ImageSetTest, ASubsetHasTheRowsInTheirOrder) {
  const ImageSet set = NumberedImages(7);
  const std::vector<std::int64_t> rows = {5, 0, 5};
  const ImageSet subset = Subset(set, rows);
  ASSERT_EQ(subset.size(), 3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    EXPECT_TRUE(at::equal(subset.pixels[row], set.pixels[rows[i]]));
    EXPECT_EQ(subset.labels[row].item<std::int64_t>(), set.labels[rows[i]].item<std::int64_t>());
  }
}

TEST(ImageSetTest, ARunOfRowsIsAView) {
  const ImageSet set = NumberedImages(7);
  const ImageSet subset = Subset(set, std::vector<std::int64_t>{2, 3, 4});
  EXPECT_TRUE(subset.pixels.is_alias_of(set.pixels));
  EXPECT_TRUE(at::equal(subset.pixels, set.pixels.narrow(0, 2, 3)));
  EXPECT_EQ(Subset(set, {}).size(), 0);
  EXPECT_THROW(Subset(set, std::vector<std::int64_t>{7}), std::out_of_range);
}

TEST(ImageSetTest, AHalvedImageIsTheMeanOfFourPixels) {
  ImageSet set = NumberedImages(1, 1, 2, 4);
  set.pixels = at::tensor({0, 10, 100, 100, 20, 31, 100, 103}, at::kByte).view({1, 1, 2, 4});
  ImageSet square = set;
  square.pixels = at::cat({set.pixels, set.pixels}, 2);
  const Tensor halved = Resize(square, 2).pixels.view({-1});
  // 61 / 4 = 15.25 and 403 / 4 = 100.75.
  EXPECT_TRUE(at::equal(halved, at::tensor({15, 101, 15, 101}, at::kByte)));
}

TEST(ImageSetTest, AreasThatSharePixelsAreWeighted) {
  ImageSet set = NumberedImages(1, 1, 3, 3);
  set.pixels = at::tensor({0, 60, 120, 0, 60, 120, 0, 60, 120}, at::kByte).view({1, 1, 3, 3});
  // A new pixel covers one and a half old ones: (0 + 60 / 2) / 1.5 and (60 / 2 + 120) / 1.5.
  EXPECT_TRUE(
      at::equal(Resize(set, 2).pixels.view({-1}), at::tensor({20, 100, 20, 100}, at::kByte)));
}

TEST(ImageSetTest, ResizingKeepsAnEvenColourAndTheSizeItHas) {
  ImageSet set = NumberedImages(600, 2, 5, 5);
  EXPECT_TRUE(Resize(set, 5).pixels.is_alias_of(set.pixels));
  set.pixels = at::full({600, 2, 5, 5}, 77, at::kByte);
  for (const std::int64_t size : {1, 3, 4, 7, 10}) {
    EXPECT_TRUE((Resize(set, size).pixels == 77).all().item<bool>()) << size;
    EXPECT_EQ(Resize(set, size).height(), size);
  }
}

TEST(ImageSetTest, TheFingerprintIsThatOfTheContent) {
  const ImageSet set = NumberedImages(20, 3, 6, 6);
  ImageSet strided = set;
  strided.name = "another name";
  strided.pixels = set.pixels.transpose(2, 3).contiguous().transpose(2, 3);
  EXPECT_EQ(Fingerprint(strided), Fingerprint(set));
  ImageSet other = set;
  other.pixels = set.pixels.clone();
  other.pixels[19][2][5][5] += 1;
  EXPECT_NE(Fingerprint(other), Fingerprint(set));
  other = set;
  other.labels = set.labels.clone();
  other.labels[3] = 2;
  EXPECT_NE(Fingerprint(other), Fingerprint(set));
  other = set;
  other.num_classes = 4;
  EXPECT_NE(Fingerprint(other), Fingerprint(set));
}

TEST(ImageSetTest, ALabelOutOfRangeIsNamed) {
  ImageSet set = NumberedImages(5);
  EXPECT_NO_THROW(CheckImageSet(set));
  set.labels = set.labels.clone();
  set.labels[4] = 3;
  EXPECT_EQ(support::MessageOf<IoError>([&] { CheckImageSet(set); }),
            "numbered/train: sample 4 has label 3; allowed are 0 to 2");
}

TEST(NormalizationTest, MakesMeanZeroAndDeviationOneOfEveryChannel) {
  ImageSet set = NumberedImages(40, 2, 4, 4);
  set.pixels = set.pixels.clone();
  set.pixels.select(1, 1).fill_(51);  // one colour
  const Normalization measured = MeasureNormalization(set);
  const Tensor first = set.pixels.select(1, 0).to(at::kDouble) / 255.0;
  EXPECT_NEAR(measured.mean[0], first.mean().item<double>(), 1e-12);
  EXPECT_NEAR(measured.std[0], first.std(/*unbiased=*/false).item<double>(), 1e-12);
  EXPECT_NEAR(measured.mean[1], 0.2, 1e-12);
  EXPECT_EQ(measured.std[1], 1.0);
}

}  // namespace
}  // namespace duet::tasks
