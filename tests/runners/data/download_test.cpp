#include "runners/data/download.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "core/error.h"
#include "core/file.h"
#include "tests/runners/data/file_server.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    for (int i = 0; i < 50'000; ++i) content_ += static_cast<char>(i * 7 % 251);
    core::WriteFileAtomically(folder_ / "set.bin", content_);
  }

  tasks::PublishedFile File(const std::string& manner) const {
    core::Md5 digest;
    digest.Update(content_);
    return {.name = "set.bin",
            .address = server_.Address(manner, "set.bin"),
            .bytes = static_cast<std::int64_t>(content_.size()),
            .checksum = digest.HexDigest()};
  }
  void Get(const tasks::PublishedFile& file) const {
    Download(file, target_, [](std::int64_t) {});
  }
  std::string Message(const tasks::PublishedFile& file) const {
    return MessageOf<IoError>([&] { Get(file); });
  }
  std::string Found() const { return core::ReadFile(target_); }
  void WritePart(std::size_t bytes) const {
    core::WriteFileAtomically(part_, content_.substr(0, bytes));
  }

  const support::TempFolder folder_;
  const support::FileServer server_{folder_.path()};
  const std::filesystem::path target_ = folder_ / "fetched.bin";
  const std::filesystem::path part_ = folder_ / "fetched.bin.part";
  std::string content_;
};

TEST_F(DownloadTest, FetchesAndVerifiesAFile) {
  std::int64_t last = 0;
  Download(File("ranges"), target_, [&](std::int64_t bytes) { last = bytes; });
  EXPECT_EQ(Found(), content_);
  EXPECT_EQ(last, 50'000);
  EXPECT_FALSE(std::filesystem::exists(part_));
  EXPECT_EQ(server_.Requests(), "ranges \n");
  EXPECT_TRUE(IsPublishedFile(target_, File("ranges")));
}

TEST_F(DownloadTest, ChecksumsMayBeSha256) {
  tasks::PublishedFile file = File("ranges");
  core::Sha256 digest;
  digest.Update(content_);
  file.checksum = digest.HexDigest();
  Get(file);
  EXPECT_EQ(Found(), content_);
}

TEST_F(DownloadTest, GoesOnWhereAnEarlierOneEnded) {
  WritePart(20'000);
  Get(File("ranges"));
  EXPECT_EQ(Found(), content_);
  EXPECT_EQ(server_.Requests(), "ranges bytes=20000-\n");
}

TEST_F(DownloadTest, APartThatIsWholeNeedsNoServer) {
  WritePart(50'000);
  tasks::PublishedFile file = File("ranges");
  file.address = "http://127.0.0.1:1/set.bin";
  Get(file);
  EXPECT_EQ(Found(), content_);
}

TEST_F(DownloadTest, TakesUpAConnectionThatBreaksOff) {
  Get(File("broken"));
  EXPECT_EQ(Found(), content_);
  EXPECT_TRUE(server_.Requests().starts_with("broken \nbroken bytes=20000-\nbroken bytes=32000-\n"))
      << server_.Requests();
}

TEST_F(DownloadTest, AServerWithoutRangesSendsItAllAgain) {
  WritePart(20'000);
  Get(File("whole"));
  EXPECT_EQ(Found(), content_);
}

TEST_F(DownloadTest, FollowsToAnotherAddress) {
  Get(File("redirect"));
  EXPECT_EQ(Found(), content_);
}

TEST_F(DownloadTest, WhatIsNotThePublishedFileIsNotKept) {
  tasks::PublishedFile file = File("ranges");
  const std::string found = file.checksum;
  file.checksum = std::string(32, '0');
  const auto expected = [&](const std::string& what) {
    return file.address + ": not the published file: " + what +
           fmt::format("; published are {} bytes with MD5 {}", file.bytes, file.checksum);
  };
  EXPECT_EQ(Message(file), expected("its checksum is " + found));
  file.bytes = 49'999;
  EXPECT_EQ(Message(file), expected("it is longer"));
  file.bytes = 50'001;
  EXPECT_EQ(Message(file), expected("it has 50000 bytes"));
  EXPECT_FALSE(std::filesystem::exists(part_));
  EXPECT_FALSE(std::filesystem::exists(target_));
  EXPECT_FALSE(IsPublishedFile(folder_ / "set.bin", file));
}

TEST_F(DownloadTest, APartThatTheServerCannotContinueIsFetchedAnew) {
  // The file at the server became shorter than the part.
  tasks::PublishedFile file = File("ranges");
  file.bytes = 60'000;
  core::WriteFileAtomically(part_, content_ + "more");
  EXPECT_EQ(Message(file).substr(file.address.size()),
            fmt::format(": not the published file: it has 50000 bytes; published are 60000 bytes "
                        "with MD5 {}",
                        file.checksum));
}

TEST_F(DownloadTest, SaysWhyTheServerFails) {
  const tasks::PublishedFile file = File("nowhere");
  WritePart(123);
  EXPECT_EQ(Message(file),
            file.address +
                ": the server answered 404; 123 of 50000 bytes are here, and the same command goes "
                "on from there");
  tasks::PublishedFile silent = File("ranges");
  silent.address = "http://127.0.0.1:1/set.bin";
  EXPECT_EQ(Message(silent),
            "http://127.0.0.1:1/set.bin: Couldn't connect to server; 123 of 50000 bytes are here, "
            "and the same command goes on from there");
  silent.address = "file:///etc/hostname";
  EXPECT_TRUE(Message(silent).find("nsupported protocol") != std::string::npos) << Message(silent);
}

TEST_F(DownloadTest, AFolderThatCannotBeWrittenToIsNamed) {
  const auto nowhere = folder_ / "nowhere" / "set.bin";
  EXPECT_EQ(MessageOf<IoError>([&] { Download(File("ranges"), nowhere, [](std::int64_t) {}); }),
            nowhere.string() + ".part: cannot write");
}

}  // namespace
}  // namespace duet::runners
