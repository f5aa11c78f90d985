#include "runners/video/video_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "core/error.h"
#include "core/file.h"
#include "core/random.h"
#include "tests/support/full_disk.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"
#include "tests/video/video_file.h"

namespace duet::video {
namespace {

namespace fs = std::filesystem;
using support::MessageOf;
using support::TempFolder;
using testing::HasSubstr;

Image Plain(Size size, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  Image image(size);
  for (std::size_t i = 0; i < image.bytes().size(); i += 3) {
    image.bytes()[i] = red;
    image.bytes()[i + 1] = green;
    image.bytes()[i + 2] = blue;
  }
  return image;
}

// Noise, which no encoder makes small.
Image Noise(Size size, core::Rng& rng) {
  Image image(size);
  std::ranges::generate(image.bytes(), [&] { return static_cast<std::uint8_t>(rng.Index(256)); });
  return image;
}

std::vector<std::string> Names(const TempFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

class VideoWriterTest : public testing::TestWithParam<const char*> {};

TEST_P(VideoWriterTest, WhatWasWrittenIsPlayed) {
  const TempFolder folder;
  const fs::path path = folder / (std::string("a") + GetParam());
  VideoWriter writer(path, {64, 48}, 20.0);
  for (int i = 0; i < 10; ++i) writer.Add(Plain({64, 48}, 200, 40, 40));
  for (int i = 0; i < 30; ++i) writer.Add(Plain({64, 48}, 30, 60, 210));
  writer.Finish();
  EXPECT_EQ(writer.num_frames(), 40);
  const VideoFile video = ReadVideo(path);
  EXPECT_EQ(video.width, 64);
  EXPECT_EQ(video.height, 48);
  EXPECT_NEAR(video.frames_per_second, 20.0, 1e-9);
  EXPECT_NEAR(video.seconds, 2.0, 0.002);
  ASSERT_EQ(video.centers.size(), 40U);
  const auto near = [](int red, int green, int blue) {
    return testing::ElementsAre(testing::AllOf(testing::Ge(red - 8), testing::Le(red + 8)),
                                testing::AllOf(testing::Ge(green - 8), testing::Le(green + 8)),
                                testing::AllOf(testing::Ge(blue - 8), testing::Le(blue + 8)));
  };
  EXPECT_THAT(video.centers[5], near(200, 40, 40));
  EXPECT_THAT(video.centers[35], near(30, 60, 210));
  EXPECT_EQ(Names(folder).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Containers, VideoWriterTest, testing::Values(".mp4", ".mkv", ".webm"),
                         [](const auto& test) { return std::string(test.param).substr(1); });

TEST(VideoWriterTest, OddSizesGrowToEvenOnes) {
  const TempFolder folder;
  VideoWriter writer(folder / "a.mp4", {33, 17}, 30.0);
  writer.Add(Plain({33, 17}, 0, 200, 0));
  writer.Finish();
  const VideoFile video = ReadVideo(folder / "a.mp4");
  EXPECT_EQ(video.width, 34);
  EXPECT_EQ(video.height, 18);
  EXPECT_EQ(video.centers.size(), 1U);
}

TEST(VideoWriterTest, RatesOfEveryTaskAreKept) {
  const TempFolder folder;
  for (const double rate : {0.5, 5.0, 1.0 / 0.015, 125.0}) {
    VideoWriter writer(folder / "a.mp4", {32, 32}, rate);
    for (int i = 0; i < 4; ++i) writer.Add(Plain({32, 32}, 9, 9, 9));
    writer.Finish();
    const VideoFile video = ReadVideo(folder / "a.mp4");
    EXPECT_NEAR(video.seconds, 4.0 / rate, 0.002) << rate;
    EXPECT_EQ(video.centers.size(), 4U) << rate;
  }
}

TEST(VideoWriterTest, AnIndexInFrontLetsPlayersStartAtOnce) {
  const TempFolder folder;
  VideoWriter writer(folder / "a.mp4", {32, 32}, 30.0);
  writer.Add(Plain({32, 32}, 9, 9, 9));
  writer.Finish();
  const std::string content = core::ReadFile(folder / "a.mp4");
  EXPECT_LT(content.find("moov"), content.find("mdat"));
}

TEST(VideoWriterTest, AnUnfinishedVideoLeavesTheFolderAsItWas) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a.mp4", "older");
  {
    VideoWriter writer(folder / "a.mp4", {32, 32}, 30.0);
    writer.Add(Plain({32, 32}, 9, 9, 9));
    EXPECT_EQ(Names(folder).size(), 2U);
  }
  EXPECT_THAT(Names(folder), testing::ElementsAre("a.mp4"));
  EXPECT_EQ(core::ReadFile(folder / "a.mp4"), "older");
}

TEST(VideoWriterTest, RefusesWhatItCannotWrite) {
  const TempFolder folder;
  const auto message = [](const fs::path& path) {
    return MessageOf<Error>([&] { VideoWriter(path, {32, 32}, 30.0); });
  };
  EXPECT_EQ(message("a.avi"),
            "a.avi: is no name for a video; allowed is one that ends in .mp4, .mkv, .webm");
  EXPECT_THAT(message(".mp4"), HasSubstr(".mp4: is no name for a video"));
  EXPECT_EQ(message(folder / "none/a.mp4"),
            (folder / "none/a.mp4").string() + ": cannot write: No such file or directory");
  fs::create_directory(folder / "b.mp4");
  VideoWriter onto_folder(folder / "b.mp4", {32, 32}, 30.0);
  onto_folder.Add(Plain({32, 32}, 9, 9, 9));
  EXPECT_EQ(MessageOf<IoError>([&] { onto_folder.Finish(); }),
            (folder / "b.mp4").string() + ": cannot write: Is a directory");
}

TEST(VideoWriterTest, RefusesAPictureOfAnotherSize) {
  const TempFolder folder;
  VideoWriter writer(folder / "a.mp4", {32, 32}, 30.0);
  EXPECT_THROW(writer.Add(Plain({32, 30}, 9, 9, 9)), std::logic_error);
}

TEST(VideoWriterTest, AFullDiskIsOneLineAndLeavesNothing) {
  const TempFolder folder;
  const auto fill = [&] {
    const support::FullDisk full(50'000);
    VideoWriter writer(folder / "a.mp4", {64, 64}, 30.0);
    core::Rng rng;
    for (int i = 0; i < 200; ++i) writer.Add(Noise({64, 64}, rng));
    writer.Finish();
  };
  EXPECT_EQ(MessageOf<IoError>(fill),
            (folder / "a.mp4").string() + ": cannot write: File too large");
  EXPECT_THAT(Names(folder), testing::IsEmpty());
}

}  // namespace
}  // namespace duet::video
