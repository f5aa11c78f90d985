#include "distill/tasks/data/loader.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/distill/tasks/data/images.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

using support::MessageOf;

const Normalization kNormalization = {{0.4, 0.5, 0.6}, {0.2, 0.25, 0.3}};

Loader MakeLoader(const ImageSet& labelled, const LoaderConfig& config,
                  std::vector<std::uint64_t> seeds = {1, 2}, const ImageSet* unlabelled = nullptr) {
  return {labelled, unlabelled, kNormalization, config, std::move(seeds), at::kCPU};
}

std::vector<ImageBatch> Epoch(Loader& loader) {
  std::vector<ImageBatch> batches;
  for (ImageBatch batch; loader.Next(batch);) {
    const Tensor labelled = batch.labels.ge(0).sum(1);
    EXPECT_TRUE(labelled.eq(batch.num_labelled).all().item<bool>());
    batches.push_back(batch);
  }
  return batches;
}

// The normalised image as plain tensor operations say it.
Tensor Expected(const ImageSet& set, std::int64_t row, const View& view) {
  const std::int64_t height = set.height(), width = set.width(), pad = 64;
  Tensor image = at::constant_pad_nd(set.pixels[row].to(at::kFloat), {pad, pad, pad, pad});
  image = image.narrow(1, pad + view.top, height).narrow(2, pad + view.left, width);
  if (view.flipped) image = image.flip(2);
  const Tensor mean = at::tensor(kNormalization.mean).view({-1, 1, 1});
  const Tensor std = at::tensor(kNormalization.std).view({-1, 1, 1});
  return ((image / 255.0 - mean) / std).to(at::kFloat);
}

void ExpectBatch(const ImageSet& set, const ImageBatch& batch) {
  for (std::int64_t m = 0; m < batch.images.size(0); ++m) {
    for (std::int64_t b = 0; b < batch.images.size(1); ++b) {
      const std::int64_t row = batch.samples[m][b].item<std::int64_t>();
      const View view = DecodeView(batch.views[m][b].item<std::int64_t>());
      ASSERT_TRUE(at::allclose(batch.images[m][b], Expected(set, row, view), 1e-5, 1e-5));
      ASSERT_TRUE(at::equal(batch.labels[m][b], set.labels[row]));
    }
  }
}

TEST(LoaderTest, AnEpochHasEverySampleOnceForEachMember) {
  const ImageSet set = NumberedImages(23);
  Loader loader = MakeLoader(set, {.batch_size = 5});
  ASSERT_EQ(loader.batches_per_epoch(), 5);
  std::vector<Tensor> orders;
  for (int epoch = 0; epoch < 2; ++epoch) {
    const std::vector<ImageBatch> batches = Epoch(loader);
    ASSERT_EQ(batches.size(), 5U);
    EXPECT_EQ(batches.back().images.sizes(), (at::IntArrayRef{2, 3, 3, 6, 5}));
    std::vector<Tensor> samples;
    for (const ImageBatch& batch : batches) {
      ExpectBatch(set, batch);
      EXPECT_FALSE(batch.mix_share.defined());
      samples.push_back(batch.samples);
    }
    for (const Tensor& order : at::cat(samples, 1).unbind(0)) {
      EXPECT_TRUE(at::equal(std::get<0>(order.sort()), at::arange(23, at::kLong)));
      orders.push_back(order);
    }
    loader.StartEpoch();
  }
  for (std::size_t i = 0; i < orders.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(at::equal(orders[i], orders[j]));
  }
}

TEST(LoaderTest, ALastBatchThatIsNotFullMayBeLeftOut) {
  Loader loader = MakeLoader(NumberedImages(23), {.batch_size = 5, .drop_last = true});
  EXPECT_EQ(loader.batches_per_epoch(), 4);
  EXPECT_EQ(Epoch(loader).size(), 4U);
  EXPECT_EQ(MessageOf<ConfigError>(
                [] { MakeLoader(NumberedImages(4), {.batch_size = 5, .drop_last = true}); }),
            "numbered/train: 4 samples do not fill a batch of 5, and drop_last is set");
}

TEST(LoaderTest, AugmentedImagesAreTheViewsTheyName) {
  const ImageSet set = NumberedImages(40);
  Loader loader =
      MakeLoader(set, {.batch_size = 20, .augmentation = {.crop_padding = 3, .flip = true}});
  std::set<std::int64_t> views;
  for (const ImageBatch& batch : Epoch(loader)) {
    ExpectBatch(set, batch);
    for (std::int64_t b = 0; b < 20; ++b) views.insert(batch.views[0][b].item<std::int64_t>());
  }
  EXPECT_GT(views.size(), 20U);
}

// Crops beyond the image, and pixels that are not beside each other in memory.
TEST(LoaderTest, ViewsOfAnyStrideAndOffsetAreRight) {
  const ImageSet set = NumberedImages(2);
  ImageSet strided = set;
  strided.pixels = set.pixels.permute({3, 0, 2, 1}).contiguous().permute({1, 3, 2, 0});
  for (const std::int64_t top : {-64, -6, -2, 0, 5, 6, 64}) {
    for (const std::int64_t left : {-64, -5, -4, 0, 1, 5, 64}) {
      for (const bool flipped : {false, true}) {
        const View view{top, left, flipped};
        const std::vector<std::int64_t> rows = {1}, codes = {EncodeView(view)};
        const Tensor expected = Expected(set, 1, view);
        EXPECT_TRUE(
            at::allclose(ViewBatch(set, rows, codes, kNormalization)[0], expected, 1e-5, 1e-5));
        EXPECT_TRUE(
            at::allclose(ViewBatch(strided, rows, codes, kNormalization)[0], expected, 1e-5, 1e-5));
      }
    }
  }
}

TEST(LoaderTest, PlainBatchesAreInOrder) {
  const ImageSet set = NumberedImages(9);
  const Tensor images = PlainBatch(set, 2, 4, kNormalization);
  ASSERT_EQ(images.size(0), 4);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(at::allclose(images[i], Expected(set, 2 + i, {}), 1e-5, 1e-5));
  }
}

LoaderConfig Everything() {
  return {
      .batch_size = 8,
      .unlabelled_share = 0.25,
      .augmentation = {.crop_padding = 1, .flip = true, .mixup_alpha = 1.0, .cutmix_alpha = 1.0}};
}

bool Equal(const ImageBatch& a, const ImageBatch& b) {
  return at::equal(a.images, b.images) && at::equal(a.labels, b.labels) &&
         at::equal(a.samples, b.samples) && at::equal(a.views, b.views) &&
         at::equal(a.mixed_labels, b.mixed_labels) && at::equal(a.mix_share, b.mix_share);
}

TEST(LoaderTest, AMemberDoesNotDependOnTheOthers) {
  const ImageSet set = NumberedImages(30), unlabelled = NumberedImages(11);
  Loader three = MakeLoader(set, Everything(), {5, 6, 7}, &unlabelled);
  Loader alone = MakeLoader(set, Everything(), {6}, &unlabelled);
  const std::vector<ImageBatch> batches = Epoch(three), of_one = Epoch(alone);
  ASSERT_EQ(batches.size(), of_one.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_TRUE(at::equal(batches[i].images[1], of_one[i].images[0]));
    EXPECT_TRUE(at::equal(batches[i].samples[1], of_one[i].samples[0]));
    EXPECT_TRUE(at::equal(batches[i].mix_share[1], of_one[i].mix_share[0]));
  }
}

// Images large enough for several threads.
TEST(LoaderTest, ThreadsDoNotChangeABatch) {
  const ImageSet set = NumberedImages(12, 3, 300, 300), unlabelled = NumberedImages(4, 3, 300, 300);
  const int threads = at::get_num_threads();
  std::vector<ImageBatch> batches;
  for (const int count : {1, 4}) {
    at::set_num_threads(count);
    Loader loader = MakeLoader(set, Everything(), {5, 6}, &unlabelled);
    ASSERT_TRUE(loader.Next(batches.emplace_back()));
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(Equal(batches[0], batches[1]));
}

TEST(LoaderTest, ContinuesFromASavedPlace) {
  const support::TempFolder folder;
  const ImageSet set = NumberedImages(30), unlabelled = NumberedImages(11);
  Loader loader = MakeLoader(set, Everything(), {5, 6}, &unlabelled);
  Epoch(loader);
  loader.StartEpoch();
  ImageBatch batch;
  ASSERT_TRUE(loader.Next(batch));
  core::ArchiveWriter archive;
  loader.Save(archive, "loader");
  archive.Write(folder / "a");
  Loader resumed = MakeLoader(set, Everything(), {5, 6}, &unlabelled);
  resumed.Load(core::ArchiveReader(folder / "a"), "loader");
  EXPECT_EQ(resumed.epoch(), 1);
  EXPECT_EQ(resumed.batch(), 1);
  for (int i = 0; i < 7; ++i) {
    ImageBatch expected, found;
    const bool more = loader.Next(expected);
    ASSERT_EQ(resumed.Next(found), more);
    if (more) {
      EXPECT_TRUE(Equal(expected, found)) << i;
    } else {
      loader.StartEpoch();
      resumed.StartEpoch();
    }
  }
  Loader shorter = MakeLoader(NumberedImages(5), {.batch_size = 8});
  EXPECT_NO_THROW(shorter.Load(core::ArchiveReader(folder / "a"), "loader"));
  EXPECT_THROW(shorter.Load(core::ArchiveReader(folder / "a"), "other"), IoError);
}

TEST(LoaderTest, UnlabelledSamplesComeLastAndInRounds) {
  const ImageSet set = NumberedImages(30), unlabelled = NumberedImages(11);
  Loader loader = MakeLoader(set, {.batch_size = 8, .unlabelled_share = 0.25}, {1}, &unlabelled);
  ASSERT_EQ(loader.batches_per_epoch(), 5);
  std::vector<std::int64_t> rows;
  for (int epoch = 0; epoch < 3; ++epoch, loader.StartEpoch()) {
    for (const ImageBatch& batch : Epoch(loader)) {
      EXPECT_EQ(batch.samples.size(1), 8);
      EXPECT_TRUE((batch.samples.narrow(1, 0, 6) < 30).all().item<bool>());
      EXPECT_TRUE((batch.labels.narrow(1, 0, 6) >= 0).all().item<bool>());
      EXPECT_TRUE((batch.labels.narrow(1, 6, 2) == kUnlabelled).all().item<bool>());
      for (std::int64_t b = 6; b < 8; ++b) {
        const std::int64_t row = batch.samples[0][b].item<std::int64_t>() - 30;
        EXPECT_TRUE(at::allclose(batch.images[0][b], Expected(unlabelled, row, {}), 1e-5, 1e-5));
        rows.push_back(row);
      }
    }
  }
  // Two full rounds of eleven in thirty.
  for (const std::size_t round : {0U, 1U}) {
    std::set<std::int64_t> once(rows.begin() + static_cast<std::ptrdiff_t>(11 * round),
                                rows.begin() + static_cast<std::ptrdiff_t>(11 * round + 11));
    EXPECT_EQ(once.size(), 11U);
  }
}

TEST(LoaderTest, AShorterLastBatchKeepsTheShare) {
  const ImageSet set = NumberedImages(14), unlabelled = NumberedImages(9);
  Loader loader =
      MakeLoader(set, {.batch_size = 12, .unlabelled_share = 1.0 / 3.0}, {1}, &unlabelled);
  const std::vector<ImageBatch> batches = Epoch(loader);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[1].samples.size(1), 6 + 3);
}

TEST(LoaderTest, ABatchMayBeUnlabelledAltogether) {
  const ImageSet set = NumberedImages(3), unlabelled = NumberedImages(10);
  Loader loader = MakeLoader(set, {.batch_size = 4, .unlabelled_share = 1.0}, {1}, &unlabelled);
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  std::set<std::int64_t> rows;
  for (const ImageBatch& batch : Epoch(loader)) {
    EXPECT_TRUE((batch.labels == kUnlabelled).all().item<bool>());
    for (std::int64_t b = 0; b < batch.samples.size(1); ++b) {
      rows.insert(batch.samples[0][b].item<std::int64_t>() - 3);
    }
  }
  EXPECT_EQ(rows.size(), 10U);
  EXPECT_EQ(*rows.begin(), 0);
}

TEST(LoaderTest, AShareWithoutSamplesIsAnError) {
  const ImageSet set = NumberedImages(30);
  EXPECT_EQ(
      MessageOf<ConfigError>([&] { MakeLoader(set, {.batch_size = 8, .unlabelled_share = 0.5}); }),
      "unlabelled_share = 0.5, but the data has no unlabelled samples");
  EXPECT_EQ(
      MessageOf<ConfigError>([&] { MakeLoader(set, {.batch_size = 8, .unlabelled_share = 0.01}); }),
      "unlabelled_share = 0.01 of batch_size = 8 leaves no whole sample on one side");
}

// Finds the partner of each image from the labels of a set in which every sample is a class.
TEST(LoaderTest, MixUpBlendsPairsOfThePlainViews) {
  const ImageSet set = NumberedImages(12, 3, 6, 5, 12);
  Loader mixed =
      MakeLoader(set, {.batch_size = 6, .augmentation = {.crop_padding = 1, .mixup_alpha = 1.0}});
  Loader plain = MakeLoader(set, {.batch_size = 6, .augmentation = {.crop_padding = 1}});
  const std::vector<ImageBatch> batches = Epoch(mixed), views = Epoch(plain);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_TRUE(at::equal(batches[i].samples, views[i].samples));
    EXPECT_TRUE((batches[i].views == kMixedView).all().item<bool>());
    for (std::int64_t m = 0; m < 2; ++m) {
      const auto share = batches[i].mix_share[m].item<float>();
      EXPECT_GT(share, 0.0F);
      EXPECT_LT(share, 1.0F);
      EXPECT_TRUE(at::equal(std::get<0>(batches[i].mixed_labels[m].sort()),
                            std::get<0>(batches[i].labels[m].sort())));
      for (std::int64_t b = 0; b < 6; ++b) {
        const Tensor partner = (views[i].labels[m] == batches[i].mixed_labels[m][b]).nonzero();
        const Tensor other = views[i].images[m][partner.item<std::int64_t>()];
        EXPECT_TRUE(at::allclose(batches[i].images[m][b],
                                 share * views[i].images[m][b] + (1.0F - share) * other, 1e-5,
                                 1e-5));
      }
    }
  }
  EXPECT_NE(batches[0].mix_share[0].item<float>(), batches[0].mix_share[1].item<float>());
  EXPECT_NE(batches[0].mix_share[0].item<float>(), batches[1].mix_share[0].item<float>());
}

TEST(LoaderTest, CutMixPastesTheShareItTells) {
  ImageSet set = NumberedImages(12, 3, 6, 5, 12);
  // Image i has the colour i everywhere.
  set.pixels = at::arange(12, at::kLong).to(at::kByte).view({12, 1, 1, 1}).expand({12, 3, 6, 5});
  Loader loader = MakeLoader(set, {.batch_size = 6, .augmentation = {.cutmix_alpha = 1.0}});
  for (const ImageBatch& batch : Epoch(loader)) {
    for (std::int64_t m = 0; m < 2; ++m) {
      for (std::int64_t b = 0; b < 6; ++b) {
        const Tensor own = Expected(set, batch.labels[m][b].item<std::int64_t>(), {});
        const Tensor other = Expected(set, batch.mixed_labels[m][b].item<std::int64_t>(), {});
        const Tensor image = batch.images[m][b];
        const Tensor is_own = at::isclose(image, own), is_other = at::isclose(image, other);
        EXPECT_TRUE(at::logical_or(is_own, is_other).all().item<bool>());
        if (batch.labels[m][b].item<std::int64_t>() ==
            batch.mixed_labels[m][b].item<std::int64_t>())
          continue;
        EXPECT_NEAR(is_own.to(at::kFloat).mean().item<float>(), batch.mix_share[m].item<float>(),
                    1e-6);
      }
    }
  }
}

TEST(LoaderTest, APortionOfTheBatchIsMixedAndLabelledWithLabelled) {
  const ImageSet set = NumberedImages(20), unlabelled = NumberedImages(20);
  Loader loader = MakeLoader(set,
                             {.batch_size = 10,
                              .unlabelled_share = 0.4,
                              .augmentation = {.mixup_alpha = 1.0, .mixup_portion = 0.5}},
                             {1}, &unlabelled);
  for (const ImageBatch& batch : Epoch(loader)) {
    if (batch.samples.size(1) != 10) continue;
    const Tensor mixed = (batch.views[0] == kMixedView).to(at::kLong);
    EXPECT_TRUE(at::equal(mixed, at::tensor({1, 1, 1, 0, 0, 0, 1, 1, 0, 0}, at::kLong)));
    EXPECT_TRUE((batch.mixed_labels[0].narrow(0, 0, 6) >= 0).all().item<bool>());
    EXPECT_TRUE((batch.mixed_labels[0].narrow(0, 6, 4) == kUnlabelled).all().item<bool>());
    EXPECT_TRUE(at::equal(batch.mixed_labels[0].narrow(0, 3, 3), batch.labels[0].narrow(0, 3, 3)));
  }
}

}  // namespace
}  // namespace duet::tasks
