#include "runners/data/published_set.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "runners/data/unpack.h"
#include "tests/runners/data/file_server.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;

struct Member {
  std::string name;
  std::string content;
  unsigned type = AE_IFREG;
};

void WriteArchive(const std::filesystem::path& path, const std::vector<Member>& members) {
  ::archive* stream = archive_write_new();
  if (path.extension() == ".zip") {
    archive_write_set_format_zip(stream);
  } else {
    archive_write_add_filter_gzip(stream);
    archive_write_set_format_ustar(stream);
  }
  archive_write_open_filename(stream, path.c_str());
  for (const Member& member : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_filetype(entry, member.type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, "/etc/hostname");
    archive_write_header(stream, entry);
    archive_write_data(stream, member.content.data(), member.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(stream);
  archive_write_free(stream);
}

TEST(UnpackTest, TakesFilesOutOfBothKinds) {
  for (const std::string name : {"a.tar.gz", "a.zip"}) {
    const TempFolder folder;
    WriteArchive(folder / name, {{"set/one.bin", "first"}, {"set/two.bin", "second"}});
    core::CreateFolder(folder / "set");
    core::WriteFileAtomically(folder / "set" / "one.bin", "older");
    core::WriteFileAtomically(folder / "set" / "other.bin", "stays");
    EXPECT_TRUE(IsArchive(folder / name));
    Unpack(folder / name, folder.path());
    EXPECT_EQ(core::ReadFile(folder / "set" / "one.bin"), "first");
    EXPECT_EQ(core::ReadFile(folder / "set" / "two.bin"), "second");
    EXPECT_EQ(core::ReadFile(folder / "set" / "other.bin"), "stays");
    EXPECT_FALSE(std::filesystem::exists(folder / ".unpacking"));
  }
  EXPECT_FALSE(IsArchive("train-images-idx3-ubyte.gz"));
}

TEST(UnpackTest, TakesNothingOfADamagedArchive) {
  const TempFolder folder;
  const auto path = folder / "a.tar.gz";
  std::string noise;
  for (unsigned i = 0, x = 1; i < 100'000; ++i)
    noise += static_cast<char>((x = x * 69069 + 1) >> 24);
  WriteArchive(path, {{"one.bin", "first"}, {"two.bin", noise}});
  const std::string file = core::ReadFile(path);
  core::WriteFileAtomically(path, file.substr(0, file.size() / 2));
  EXPECT_TRUE(MessageOf<IoError>([&] {
                Unpack(path, folder.path());
              }).starts_with(path.string() + ": damaged archive: "));
  EXPECT_FALSE(std::filesystem::exists(folder / "one.bin"));
  core::WriteFileAtomically(path, "no archive");
  EXPECT_TRUE(MessageOf<IoError>([&] {
                Unpack(path, folder.path());
              }).starts_with(path.string() + ": damaged archive: "));
}

TEST(UnpackTest, NamesThatLeadOutAreRefused) {
  for (const Member& bad : {Member{"../out.bin", "x"}, Member{"/tmp/out.bin", "x"},
                            Member{"set/../../out.bin", "x"}, Member{"link", "", AE_IFLNK}}) {
    const TempFolder folder;
    const auto path = folder / "in" / "a.tar.gz";
    core::CreateFolder(folder / "in");
    WriteArchive(path, {{"one.bin", "first"}, bad});
    EXPECT_EQ(MessageOf<IoError>([&] { Unpack(path, folder / "in"); }),
              fmt::format("{}: the archive holds \"{}\"; allowed are files and folders in it",
                          path.string(), bad.name));
    EXPECT_FALSE(std::filesystem::exists(folder / "out.bin"));
    EXPECT_FALSE(std::filesystem::exists(folder / "in" / "one.bin"));
  }
}

std::string Records(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>(i % 10));
    bytes.append(3072, 'p');
  }
  return bytes;
}

class PublishedSetTest : public ::testing::Test {
 protected:
  PublishedSetTest() {
    std::vector<Member> members;
    for (int i = 1; i <= 5; ++i) {
      members.push_back({fmt::format("cifar-10-batches-bin/data_batch_{}.bin", i), Records(20)});
    }
    members.push_back({"cifar-10-batches-bin/test_batch.bin", Records(10)});
    WriteArchive(served_ / "cifar-10-binary.tar.gz", members);
    core::Md5 digest;
    const std::string file = core::ReadFile(served_ / "cifar-10-binary.tar.gz");
    digest.Update(file);
    set_.name = "cifar10";
    set_.folder = "cifar-10-batches-bin";
    set_.files = {{.name = "cifar-10-binary.tar.gz",
                   .address = server_.Address("ranges", "cifar-10-binary.tar.gz"),
                   .bytes = static_cast<std::int64_t>(file.size()),
                   .checksum = digest.HexDigest()}};
  }
  void Get() const {
    GetPublishedSet(set_, data_.path(), [](const tasks::PublishedFile&, std::int64_t) {});
  }

  const TempFolder served_, data_;
  const support::FileServer server_{served_.path()};
  tasks::PublishedSet set_;
};

TEST_F(PublishedSetTest, IsFetchedUnpackedAndChecked) {
  Get();
  const std::vector<CheckResult> results = CheckPublishedSet(set_, data_.path());
  ASSERT_EQ(results.size(), 3U);
  for (const CheckResult& result : results) EXPECT_TRUE(result.passed) << result.line;
  EXPECT_EQ(results[1].line, "cifar10/train: 100 images of 3 x 32 x 32, 10 classes");
  EXPECT_EQ(results[2].line, "cifar10/test: 10 images of 3 x 32 x 32, 10 classes");
  // What is there is not fetched again, and what was lost is unpacked again.
  std::filesystem::remove(data_ / "cifar10/cifar-10-batches-bin/test_batch.bin");
  EXPECT_FALSE(CheckPublishedSet(set_, data_.path()).back().passed);
  Get();
  EXPECT_EQ(server_.Requests(), "ranges \n");
  EXPECT_TRUE(CheckPublishedSet(set_, data_.path()).back().passed);
}

TEST_F(PublishedSetTest, DamageDoesNotPass) {
  Get();
  const auto archive = data_ / "cifar10/cifar-10-binary.tar.gz";
  core::WriteFileAtomically(archive, "other");
  core::WriteFileAtomically(data_ / "cifar10/cifar-10-batches-bin/data_batch_3.bin", "other");
  const std::vector<CheckResult> results = CheckPublishedSet(set_, data_.path());
  EXPECT_FALSE(results[0].passed);
  EXPECT_EQ(results[0].line,
            fmt::format("{}: {} bytes and MD5 {} were published, but not this file",
                        archive.string(), set_.files[0].bytes, set_.files[0].checksum));
  EXPECT_FALSE(results[1].passed);
  EXPECT_TRUE(results[2].passed);
  Get();
  EXPECT_TRUE(CheckPublishedSet(set_, data_.path())[1].passed);
}

// Every row of the catalog is complete, and its image sets exist.
TEST(CatalogTest, EverySetHasAddressesSizesAndChecksums) {
  for (const tasks::PublishedSet& set : tasks::PublishedSets()) {
    EXPECT_EQ(tasks::FindPublishedSet(set.name)->name, set.name);
    EXPECT_FALSE(set.about.empty() || set.page.empty() || set.files.empty()) << set.name;
    for (const tasks::PublishedFile& file : set.files) {
      EXPECT_TRUE(file.address.ends_with("/" + file.name)) << file.address;
      EXPECT_GT(file.bytes, 0);
      EXPECT_TRUE(file.checksum.size() == 32 || file.checksum.size() == 64) << file.name;
      EXPECT_EQ(file.checksum.find_first_not_of("0123456789abcdef"), std::string::npos);
    }
    const TempFolder nothing;
    EXPECT_GT(CheckPublishedSet(set, nothing.path()).size(), 0U);
  }
}

}  // namespace
}  // namespace duet::runners
