#include "distill/tasks/data/cifar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "tests/distill/tasks/data/images.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

using support::MessageOf;
using support::TempFolder;
using namespace std::string_literals;

const std::string kRecords = CifarRecords({"\x03"s, "\x00"s, "\x09"s});

void ExpectRecords(const ImageSet& set) {
  ASSERT_EQ(set.pixels.sizes(), (at::IntArrayRef{3, 3, 32, 32}));
  EXPECT_TRUE(at::equal(set.labels, at::tensor({3, 0, 9}, at::kLong)));
  for (std::int64_t i = 0; i < 3; ++i) {
    const Tensor expected = (at::arange(3072, at::kLong) + i).remainder(251).to(at::kByte);
    EXPECT_TRUE(at::equal(set.pixels[i].reshape({-1}), expected));
  }
}

TEST(CifarTest, ReadsOneFileWithoutCopyingIt) {
  const TempFolder folder;
  WriteBytes(folder / "train.bin", kRecords);
  const ImageSet set = ReadCifar10(folder.path(), Part::kTrain);
  ExpectRecords(set);
  EXPECT_EQ(set.pixels.stride(0), 3073);
  EXPECT_EQ(set.class_names[9], "truck");
  std::filesystem::remove(folder / "train.bin");  // the tensor keeps the file open
  ExpectRecords(set);
}

TEST(CifarTest, JoinsTheOfficialFilesInOrder) {
  const TempFolder folder;
  const auto official = folder / "cifar10" / "cifar-10-batches-bin";
  for (int i = 1; i <= 5; ++i) {
    WriteBytes(official / fmt::format("data_batch_{}.bin", i),
               CifarRecords({std::string(1, static_cast<char>(i))}));
  }
  WriteBytes(official / "test_batch.bin", kRecords);
  const ImageSet train = ReadCifar10(folder.path(), Part::kTrain);
  EXPECT_TRUE(at::equal(train.labels, at::tensor({1, 2, 3, 4, 5}, at::kLong)));
  EXPECT_EQ(train.pixels[4][0][0][1].item<int>(), 1);
  ExpectRecords(ReadCifar10(folder.path(), Part::kTest));
  std::filesystem::remove(official / "data_batch_4.bin");
  EXPECT_EQ(MessageOf<IoError>([&] { ReadCifar10(folder.path(), Part::kTrain); }),
            (official / "data_batch_4.bin").string() +
                ": not found, though data_batch_1.bin is there; the set is not complete");
}

TEST(CifarTest, TheFineLabelOfCifar100IsTheSecondByte) {
  const TempFolder folder;
  WriteBytes(folder / "test.bin", CifarRecords({"\x13\x63"s, "\x00\x01"s}));
  std::string names;
  for (int i = 0; i < 100; ++i) names += fmt::format("class{}\n", i);
  WriteBytes(folder / "fine_label_names.txt", names);
  const ImageSet set = ReadCifar100(folder.path(), Part::kTest);
  EXPECT_TRUE(at::equal(set.labels, at::tensor({99, 1}, at::kLong)));
  EXPECT_EQ(set.pixels[1][0][0][0].item<int>(), 1);
  EXPECT_EQ(set.class_names[99], "class99");
  WriteBytes(folder / "fine_label_names.txt", "apple\n");
  EXPECT_EQ(MessageOf<IoError>([&] { ReadCifar100(folder.path(), Part::kTest); }),
            (folder / "fine_label_names.txt").string() + ": 1 names of classes; expected are 100");
}

TEST(CifarTest, SaysWhereAMissingSetIsToBeHad) {
  const TempFolder folder;
  EXPECT_EQ(MessageOf<IoError>([&] { ReadCifar10(folder.path(), Part::kTrain); }),
            folder.path().string() +
                ": no data_batch_1.bin or train.bin of cifar10; it is published as "
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz (170052171 bytes, MD5 "
                "c32a1d4ab5d03f1284b67883e8d87530); `duet data get cifar10` fetches it");
}

TEST(CifarTest, EveryDamageHasItsLine) {
  const TempFolder folder;
  const auto path = folder / "train.bin";
  const auto message = [&](const std::string& bytes) {
    WriteBytes(path, bytes);
    return MessageOf<IoError>([&] { ReadCifar10(folder.path(), Part::kTrain); })
        .substr(path.string().size());
  };
  EXPECT_EQ(message(""), ": the file is empty");
  EXPECT_EQ(message(kRecords.substr(0, 5000)), ": 5000 bytes are not whole records of 3073 bytes");
  EXPECT_EQ(message(CifarRecords({"\x01"s, "\x0a"s})),
            ": sample 1 has label 10; allowed are 0 to 9");
  EXPECT_EQ(message(CifarRecords({"\x01\x02"s})),
            ": 3074 bytes are not whole records of 3073 bytes; as cifar100 they are");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_EQ(MessageOf<IoError>([&] { ReadCifar10(folder.path(), Part::kTrain); }),
            path.string() + ": cannot read: it is not a regular file");
}

TEST(CifarTest, DamagedLabelsOfCifar100HaveTheirLine) {
  const TempFolder folder;
  WriteBytes(folder / "train.bin", CifarRecords({"\x01\x64"s}));
  EXPECT_EQ(MessageOf<IoError>([&] { ReadCifar100(folder.path(), Part::kTrain); }),
            (folder / "train.bin").string() + ": sample 0 has label 100; allowed are 0 to 99");
  WriteBytes(folder / "train.bin", CifarRecords({"\x14\x63"s}));
  EXPECT_EQ(MessageOf<IoError>([&] { ReadCifar100(folder.path(), Part::kTrain); }),
            (folder / "train.bin").string() +
                ", coarse labels: sample 0 has label 20; allowed are 0 to 19");
}

}  // namespace
}  // namespace duet::tasks
