#include "distill/tasks/data/idx.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "distill/tasks/data/gzip.h"
#include "tests/distill/tasks/data/encode.h"
#include "tests/distill/tasks/data/images.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

using support::MessageOf;
using support::TempFolder;

std::string BigEndian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

std::string IdxFile(const std::vector<std::uint32_t>& lengths, const std::string& values) {
  std::string file = {'\0', '\0', '\x08', static_cast<char>(lengths.size())};
  for (const std::uint32_t length : lengths) file += BigEndian(length);
  return file + values;
}

// Two images of 2 x 3 pixels, 0 to 11.
const std::string kImages = IdxFile({2, 2, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
const std::string kLabels = IdxFile({2}, {7, 1});

Tensor Numbers() { return at::arange(12, at::kLong).to(at::kByte).view({2, 1, 2, 3}); }

TEST(IdxTest, ReadsPlainAndCompressedFiles) {
  for (const std::string ending : {"", ".gz"}) {
    const TempFolder folder;
    const auto write = [&](const std::string& name, const std::string& bytes) {
      WriteBytes(folder / (name + ending), ending.empty() ? bytes : Gzip(bytes));
    };
    write("train-images-idx3-ubyte", kImages);
    write("train-labels-idx1-ubyte", kLabels);
    write("t10k-images-idx3-ubyte", kImages);
    write("t10k-labels-idx1-ubyte", kLabels);
    for (const Part part : {Part::kTrain, Part::kTest}) {
      const ImageSet set = ReadMnist(folder.path(), part);
      EXPECT_TRUE(at::equal(set.pixels, Numbers()));
      EXPECT_TRUE(at::equal(set.labels, at::tensor({7, 1}, at::kLong)));
      EXPECT_EQ(set.num_classes, 10);
      EXPECT_EQ(ReadFashionMnist(folder.path(), part).class_names[7], "sneaker");
    }
  }
}

// EMNIST's images lie on their side, and its letters count from 1.
TEST(IdxTest, EmnistIsTurnedUpright) {
  const TempFolder folder;
  WriteBytes(folder / "emnist" / "gzip" / "emnist-letters-test-images-idx3-ubyte", kImages);
  WriteBytes(folder / "emnist" / "gzip" / "emnist-letters-test-labels-idx1-ubyte",
             IdxFile({2}, {26, 1}));
  const ImageSet set = ReadEmnistLetters(folder.path(), Part::kTest);
  EXPECT_TRUE(at::equal(set.pixels, Numbers().transpose(2, 3)));
  EXPECT_TRUE(at::equal(set.labels, at::tensor({25, 0}, at::kLong)));
  EXPECT_EQ(set.class_names[25], "z");
}

TEST(IdxTest, TheSetsOfEmnistHaveTheirClasses) {
  const TempFolder folder;
  for (const std::string name : {"balanced", "byclass", "bymerge", "digits"}) {
    WriteBytes(folder / ("emnist-" + name + "-train-images-idx3-ubyte"), kImages);
    WriteBytes(folder / ("emnist-" + name + "-train-labels-idx1-ubyte"), IdxFile({2}, {9, 0}));
  }
  const auto classes = [&](auto read) {
    const ImageSet set = read(folder.path(), Part::kTrain);
    EXPECT_EQ(static_cast<std::int64_t>(set.class_names.size()), set.num_classes);
    return set.num_classes;
  };
  EXPECT_EQ(classes(&ReadEmnistBalanced), 47);
  EXPECT_EQ(classes(&ReadEmnistByClass), 62);
  EXPECT_EQ(classes(&ReadEmnistByMerge), 47);
  EXPECT_EQ(classes(&ReadEmnistDigits), 10);
}

std::string ImagesMessage(const std::string& bytes) {
  const TempFolder folder;
  const auto path = folder / "train-images-idx3-ubyte";
  WriteBytes(path, bytes);
  WriteBytes(folder / "train-labels-idx1-ubyte", kLabels);
  return MessageOf<IoError>([&] { ReadMnist(folder.path(), Part::kTrain); })
      .substr(path.string().size());
}

TEST(IdxTest, EveryDamageHasItsLine) {
  EXPECT_EQ(ImagesMessage(""), ": the file is empty");
  EXPECT_EQ(ImagesMessage("abc"), ": 3 bytes are too few for an IDX file of 3 axes");
  EXPECT_EQ(ImagesMessage(IdxFile({12}, std::string(12, 'a'))),
            ": starts with 00 00 08 01; an IDX file of images starts with 00 00 08 03");
  EXPECT_EQ(ImagesMessage(kImages.substr(0, 27)),
            ": the header says 2 x 2 x 3; the file has fewer bytes than that");
  EXPECT_EQ(ImagesMessage(kImages + "a"),
            ": the header says 2 x 2 x 3; the file has more bytes than that");
  EXPECT_EQ(ImagesMessage(IdxFile({0xffffffff, 0xffffffff, 0xffffffff}, "abc")),
            ": the header says 4294967295 x 4294967295 x 4294967295; the file has fewer bytes than "
            "that");
  EXPECT_EQ(ImagesMessage(IdxFile({2, 0, 3}, "")), ": the header says 2 x 0 x 3; no axis may be 0");
}

TEST(IdxTest, LabelsThatDoNotFitHaveTheirLine) {
  const TempFolder folder;
  const auto path = folder / "train-labels-idx1-ubyte";
  WriteBytes(folder / "train-images-idx3-ubyte", kImages);
  const auto message = [&](const std::string& bytes) {
    WriteBytes(path, bytes);
    return MessageOf<IoError>([&] { ReadMnist(folder.path(), Part::kTrain); });
  };
  EXPECT_EQ(message(IdxFile({3}, {1, 2, 3})),
            path.string() + ": 3 labels, but train-images-idx3-ubyte has 2 images");
  EXPECT_EQ(message(IdxFile({2}, {1, 10})),
            path.string() + ": sample 1 has label 10; allowed are 0 to 9");
  EXPECT_EQ(
      message(kImages),
      path.string() + ": starts with 00 00 08 03; an IDX file of labels starts with 00 00 08 01");
  std::filesystem::remove(path);
  EXPECT_EQ(MessageOf<IoError>([&] { ReadMnist(folder.path(), Part::kTrain); }),
            path.string() +
                ": not found, though train-images-idx3-ubyte is there; the set is not complete");
}

TEST(IdxTest, DamagedCompressedFilesHaveTheirLine) {
  const TempFolder folder;
  const auto path = folder / "train-images-idx3-ubyte.gz";
  WriteBytes(folder / "train-labels-idx1-ubyte.gz", Gzip(kLabels));
  const auto message = [&](const std::string& bytes) {
    WriteBytes(path, bytes);
    return MessageOf<IoError>([&] { ReadMnist(folder.path(), Part::kTrain); })
        .substr(path.string().size());
  };
  const std::string file = Gzip(kImages);
  EXPECT_EQ(message(kImages), ": not a gzip file");
  EXPECT_TRUE(message(file.substr(0, file.size() / 2)).starts_with(": damaged gzip file: "));
  EXPECT_EQ(message(Gzip(kImages + "a")),
            ": the header says 2 x 2 x 3; the file has more bytes than that");
  EXPECT_EQ(message(Gzip(kImages.substr(0, 20))),
            ": the header says 2 x 2 x 3; the file has fewer bytes than that");
  // Nothing as large as the header says is made for a small file.
  EXPECT_EQ(message(Gzip(IdxFile({60'000, 60'000, 60'000}, "abc"))),
            ": the header says 60000 x 60000 x 60000; the file has fewer bytes than that");
}

TEST(GzipTest, StopsAtTheLimit) {
  const std::string zeros(1'000'000, '\0'), file = Gzip(zeros);
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_EQ(Gunzip(bytes, 100, "file").size(), 100U);
  EXPECT_EQ(Gunzip(bytes, 2'000'000, "file"), zeros);
}

}  // namespace
}  // namespace duet::tasks
