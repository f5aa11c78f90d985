#include "distill/tasks/data/data_config.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/config_reader.h"
#include "core/config_writer.h"
#include "core/error.h"
#include "distill/tasks/data/image_sets.h"
#include "tests/distill/tasks/data/images.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

using support::MessageOf;

DataConfig Shapes() {
  DataConfig config;
  config.shapes = {.size = 8, .train_images = 200, .test_images = 50};
  return config;
}

// Images as texts, so that sets of them can be compared.
std::set<std::string> Images(const ImageSet& set) {
  std::set<std::string> images;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const Tensor image = set.pixels[i].contiguous();
    images.emplace(static_cast<const char*>(image.const_data_ptr()), image.nbytes());
  }
  return images;
}

TEST(LoadDataTest, SplitsAreDisjointAndBalanced) {
  DataConfig config = Shapes();
  config.validation = 30;
  config.train = 100;
  config.unlabelled = 50;
  config.test = 20;
  const DataSplits splits = LoadData(config);
  std::set<std::string> all;
  for (const ImageSet* set :
       {&splits.train, &splits.validation, &splits.unlabelled, &splits.test}) {
    CheckImageSet(*set);
    all.merge(Images(*set));
    EXPECT_TRUE(at::equal(at::bincount(set->labels), at::full({10}, set->size() / 10, at::kLong)));
  }
  EXPECT_EQ(all.size(), 200U);
  EXPECT_EQ(splits.train.size(), 100);
  EXPECT_EQ(splits.validation.size(), 30);
  EXPECT_EQ(splits.unlabelled.size(), 50);
  EXPECT_EQ(splits.test.size(), 20);
  EXPECT_EQ(splits.train.name, "shapes/train");
  EXPECT_EQ(splits.unlabelled.name, "shapes/unlabelled");
}

TEST(LoadDataTest, WhatIsNotAskedForStaysWithTheTrainingSplit) {
  DataConfig config = Shapes();
  config.validation = 30;
  const DataSplits splits = LoadData(config);
  EXPECT_EQ(splits.train.size(), 170);
  EXPECT_EQ(splits.unlabelled.size(), 0);
  EXPECT_EQ(splits.unlabelled.pixels.sizes().slice(1), splits.train.pixels.sizes().slice(1));
  EXPECT_EQ(splits.test.size(), 50);
}

TEST(LoadDataTest, MoreTrainingSamplesAddToFewer) {
  DataConfig config = Shapes();
  config.validation = 30;
  config.train = 50;
  const DataSplits small = LoadData(config);
  config.train = 120;
  const DataSplits large = LoadData(config);
  std::set<std::string> both = Images(large.train);
  both.merge(Images(small.train));
  EXPECT_EQ(both.size(), 120U);
  EXPECT_TRUE(at::equal(small.validation.pixels, large.validation.pixels));
}

TEST(LoadDataTest, EverySettingHasItsEffect) {
  DataConfig config = Shapes();
  config.train = 100;
  const DataSplits splits = LoadData(config);
  DataConfig other = config;
  other.split_seed = 1;
  EXPECT_NE(Images(LoadData(other).train), Images(splits.train));
  other = config;
  other.stratified = false;
  EXPECT_FALSE(
      at::equal(at::bincount(LoadData(other).train.labels, {}, 10), at::full({10}, 10, at::kLong)));
  other = config;
  other.resolution = 4;
  EXPECT_EQ(LoadData(other).test.width(), 4);
  other = config;
  other.normalization = NormalizationKind::kSymmetric;
  EXPECT_EQ(LoadData(other).normalization.mean, (std::vector<double>{0.5, 0.5, 0.5}));
  EXPECT_EQ(splits.normalization.mean, MeasureNormalization(splits.train).mean);
}

TEST(LoadDataTest, TheSameSettingsGiveTheSameSamples) {
  const DataSplits first = LoadData(Shapes()), second = LoadData(Shapes());
  EXPECT_EQ(Fingerprint(first.train), Fingerprint(second.train));
  EXPECT_EQ(Fingerprint(first.test), Fingerprint(second.test));
}

TEST(LoadDataTest, UnlabelledSamplesMayBeThoseOfAnotherSet) {
  const support::TempFolder folder;
  WriteBytes(folder / "train.bin", CifarRecords({"\x01", "\x02", "\x03", "\x04"}));
  DataConfig config = Shapes();
  config.directory = folder.path().string();
  config.unlabelled_set = "cifar10";
  config.resolution = 8;
  EXPECT_EQ(LoadData(config).unlabelled.size(), 4);
  EXPECT_EQ(LoadData(config).train.size(), 200);
  config.unlabelled = 3;
  EXPECT_EQ(LoadData(config).unlabelled.size(), 3);
  config.unlabelled = 5;
  EXPECT_EQ(MessageOf<ConfigError>([&] { LoadData(config); }),
            "data.unlabelled = 5; the training part of cifar10 has 4");
  config.resolution = 0;
  EXPECT_EQ(MessageOf<ConfigError>([&] { LoadData(config); }),
            "data.unlabelled_set: images of cifar10 are 3 x 32 x 32, those of shapes 3 x 8 x 8");
}

TEST(LoadDataTest, AsksForNoMoreThanThereIs) {
  DataConfig config = Shapes();
  config.train = 150;
  config.validation = 30;
  config.unlabelled = 21;
  EXPECT_EQ(MessageOf<ConfigError>([&] { LoadData(config); }),
            "data: train = 150, validation = 30 and unlabelled = 21 need 201 samples; the training "
            "part of shapes has 200");
  config = Shapes();
  config.validation = 200;
  EXPECT_THROW(LoadData(config), ConfigError);
  config = Shapes();
  config.test = 51;
  EXPECT_EQ(MessageOf<ConfigError>([&] { LoadData(config); }),
            "data.test = 51; the test part of shapes has 50");
}

TEST(LoadDataTest, NamesWhatIsMissing) {
  DataConfig config;
  config.set = "cifar10";
  ::unsetenv("DUET_DATA");
  EXPECT_EQ(MessageOf<ConfigError>([&] { LoadData(config); }),
            "data.directory is empty and DUET_DATA is not set; cifar10 needs the folder of its "
            "files");
  const DataVariable variable("/nowhere");
  EXPECT_EQ(MessageOf<IoError>([&] { LoadData(config); }),
            "/nowhere: not a folder; cifar10 needs the folder of its files");
  config.set = "cifar11";
  EXPECT_TRUE(MessageOf<ConfigError>([&] {
                LoadData(config);
              }).starts_with("data: \"cifar11\" is no image set; allowed are shapes, cifar10"));
}

TEST(DataConfigTest, IsReadBackFromWhatIsWritten) {
  DataConfig config = Shapes();
  config.set = "cifar100";
  config.unlabelled_set = "cifar10";
  config.split_seed = 5;
  DataConfig read;
  core::ConfigFile(core::ToToml(config), "test", {}).Read(read);
  EXPECT_EQ(core::ToToml(read), core::ToToml(config));
  EXPECT_EQ(read.set, "cifar100");
  EXPECT_EQ(read.unlabelled_set, "cifar10");
  EXPECT_EQ(read.shapes.size, 8);
}

TEST(DataConfigTest, AnUnknownSetIsAnErrorOfItsLine) {
  DataConfig config;
  const std::string message = MessageOf<ConfigError>(
      [&] { core::ConfigFile("set = \"cifar11\"", "a.toml", {}).Read(config); });
  EXPECT_TRUE(message.starts_with("a.toml:1: ")) << message;
}

// The subset that developers have: skipped where it is not.
TEST(LoadDataTest, ReadsTheSubsetOfCifar10) {
  const char* variable = std::getenv("DUET_DATA");
  const std::filesystem::path folder =
      variable != nullptr ? variable : std::filesystem::path(DUET_SOURCE_DIR) / "../shared/data";
  if (!std::filesystem::exists(folder / "cifar10")) {
    GTEST_SKIP() << "no " << folder / "cifar10"
                 << "; DUET_DATA names another folder";
  }
  DataConfig config;
  config.set = "cifar10";
  config.directory = folder.string();
  config.train = 2000;
  config.resolution = 16;
  const DataSplits splits = LoadData(config);
  EXPECT_TRUE(at::equal(at::bincount(splits.train.labels), at::full({10}, 200, at::kLong)));
  // The whole set's channels are near 0.49, 0.48, 0.45.
  EXPECT_NEAR(splits.normalization.mean[0], 0.49, 0.02);
  EXPECT_NEAR(splits.normalization.mean[2], 0.45, 0.02);
}

}  // namespace
}  // namespace duet::tasks
