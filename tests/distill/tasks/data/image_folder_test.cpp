#include "distill/tasks/data/image_folder.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

#include "core/error.h"
#include "distill/tasks/data/image_file.h"
#include "tests/distill/tasks/data/encode.h"
#include "tests/distill/tasks/data/images.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

using support::MessageOf;
using support::TempFolder;

// A smooth picture of H x W pixels, which JPEG keeps.
Tensor Picture(std::int64_t height, std::int64_t width, int shift = 0) {
  const Tensor x = at::arange(width, at::kLong).view({1, 1, width});
  const Tensor y = at::arange(height, at::kLong).view({1, height, 1});
  const Tensor d = at::arange(3, at::kLong).view({3, 1, 1});
  return (40 + 3 * x + 2 * y + 30 * d + shift).to(at::kByte);
}

Tensor Decode(const std::string& file) {
  return DecodeImage(std::as_bytes(std::span(file)), "file");
}

TEST(ImageFileTest, ReadsWhatWasWritten) {
  for (const std::int64_t width : {1, 7, 8, 33}) {
    const Tensor picture = Picture(9, width);
    EXPECT_TRUE(at::equal(Decode(EncodePng(picture)), picture)) << width;
    EXPECT_TRUE(at::equal(Decode(EncodePpm(picture)), picture)) << width;
    const Tensor error = Decode(EncodeJpeg(picture)).to(at::kLong) - picture.to(at::kLong);
    EXPECT_LE(error.abs().max().item<std::int64_t>(), 4) << width;
  }
}

TEST(ImageFileTest, GreyPicturesHaveThreeEqualChannels) {
  const Tensor picture = Decode("P5\n3 2\n255\nabcdef");
  ASSERT_EQ(picture.sizes(), (at::IntArrayRef{3, 2, 3}));
  EXPECT_TRUE(
      at::equal(picture[0], at::tensor({97, 98, 99, 100, 101, 102}, at::kByte).view({2, 3})));
  EXPECT_TRUE(at::equal(picture[0], picture[1]));
  EXPECT_TRUE(at::equal(picture[0], picture[2]));
}

TEST(ImageFileTest, EveryDamageHasItsLine) {
  const std::string none = "file: not an image; allowed are PNG, JPEG and PNM files";
  const std::string damaged = "file: the image is damaged or too large";
  EXPECT_EQ(MessageOf<IoError>([] { Decode(""); }), none);
  EXPECT_EQ(MessageOf<IoError>([] { Decode("GIF89a"); }), none);
  for (const std::string& file :
       {EncodePng(Picture(40, 40)), EncodeJpeg(Picture(40, 40)), EncodePpm(Picture(40, 40))}) {
    EXPECT_EQ(MessageOf<IoError>([&] { Decode(file.substr(0, file.size() / 2)); }), damaged);
    EXPECT_EQ(MessageOf<IoError>([&] { Decode(file.substr(0, 6)); }), damaged);
  }
  EXPECT_EQ(MessageOf<IoError>([] { Decode("P6\n60000 60000\n255\n"); }), damaged);
}

// Two classes of the training part, and one of them in the test part.
void WritePictures(const std::filesystem::path& folder) {
  WriteBytes(folder / "train" / "cat" / "b.PNG", EncodePng(Picture(8, 10, 1)));
  WriteBytes(folder / "train" / "cat" / "a.ppm", EncodePpm(Picture(8, 10, 2)));
  WriteBytes(folder / "train" / "ant" / "x.png", EncodePng(Picture(8, 10, 3)));
  WriteBytes(folder / "train" / "ant" / ".hidden", "anything");
  WriteBytes(folder / "test" / "cat" / "c.jpg", EncodeJpeg(Picture(8, 10, 4)));
}

TEST(ImageFolderTest, ClassesAreFoldersInOrder) {
  const TempFolder folder;
  WritePictures(folder.path());
  const ImageSet set = ReadImageFolder(folder.path(), Part::kTrain, 0);
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"ant", "cat"}));
  EXPECT_TRUE(at::equal(set.labels, at::tensor({0, 1, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(set.pixels[0], Picture(8, 10, 3)));
  EXPECT_TRUE(at::equal(set.pixels[1], Picture(8, 10, 2)));
  EXPECT_TRUE(at::equal(set.pixels[2], Picture(8, 10, 1)));
  const ImageSet test = ReadImageFolder(folder.path(), Part::kTest, 0);
  EXPECT_TRUE(at::equal(test.labels, at::tensor({1}, at::kLong)));
  EXPECT_EQ(test.num_classes, 2);
}

TEST(ImageFolderTest, TheResolutionBringsAllToOneSize) {
  const TempFolder folder;
  WritePictures(folder.path());
  const auto odd = folder / "train" / "cat" / "z.png";
  WriteBytes(odd, EncodePng(Picture(16, 12)));
  EXPECT_EQ(MessageOf<IoError>([&] { ReadImageFolder(folder.path(), Part::kTrain, 0); }),
            odd.string() + ": 16 x 12 pixels, but " +
                (folder / "train" / "ant" / "x.png").string() +
                " has 8 x 10; data.resolution brings all images to one size");
  const ImageSet set = ReadImageFolder(folder.path(), Part::kTrain, 4);
  EXPECT_EQ(set.pixels.sizes(), (at::IntArrayRef{4, 3, 4, 4}));
  ImageSet one;
  one.pixels = Picture(16, 12).unsqueeze(0);
  EXPECT_TRUE(at::equal(set.pixels[3], Resize(one, 4).pixels[0]));
}

TEST(ImageFolderTest, WhatIsMissingOrWrongIsNamed) {
  const TempFolder folder;
  const auto message = [&](Part part) {
    return MessageOf<IoError>([&] { ReadImageFolder(folder.path(), part, 0); });
  };
  const std::string train = (folder / "train").string(), test = (folder / "test").string();
  EXPECT_EQ(message(Part::kTrain), train + ": cannot read: No such file or directory");
  std::filesystem::create_directories(folder / "train");
  EXPECT_EQ(message(Part::kTrain),
            train + ": the folder is empty; it has one folder for each class");
  WriteBytes(folder / "train" / "note.txt", "a");
  EXPECT_EQ(message(Part::kTrain),
            train + "/note.txt: not a folder; " + train + " has one folder for each class");
  std::filesystem::remove(folder / "train" / "note.txt");
  std::filesystem::create_directories(folder / "train" / "cat");
  EXPECT_EQ(message(Part::kTrain), train + "/cat: the class has no images");
  WriteBytes(folder / "train" / "cat" / "a.gif", "a");
  EXPECT_EQ(message(Part::kTrain),
            train +
                "/cat/a.gif: not an image; allowed are .png, .jpg, .jpeg, .pbm, .pgm, .ppm and "
                ".pnm files");
  std::filesystem::remove(folder / "train" / "cat" / "a.gif");
  WriteBytes(folder / "train" / "cat" / "a.png", "a");
  EXPECT_EQ(message(Part::kTrain),
            train + "/cat/a.png: not an image; allowed are PNG, JPEG and PNM files");
  WriteBytes(folder / "test" / "dog" / "a.png", EncodePng(Picture(8, 10)));
  EXPECT_EQ(message(Part::kTest), test + "/dog: the training part has no class of this name");
}

}  // namespace
}  // namespace duet::tasks
