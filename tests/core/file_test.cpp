#include "core/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/full_disk.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::core {
namespace {

namespace fs = std::filesystem;
using support::FullDisk;
using support::MessageOf;
using support::TempFolder;

std::vector<std::string> Names(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(FileTest, ReadsBackWhatWasWritten) {
  const TempFolder folder;
  const std::string content("bytes \0 of\n any \xff kind", 22);
  WriteFileAtomically(folder / "a", content);
  EXPECT_EQ(ReadFile(folder / "a"), content);
  WriteFileAtomically(folder / "a", "");
  EXPECT_EQ(ReadFile(folder / "a"), "");
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"a"});
}

TEST(FileTest, AFolderIsLockedForOneAtATime) {
  const TempFolder folder;
  {
    const FolderLock lock(folder.path());
    EXPECT_EQ(MessageOf<IoError>([&] { FolderLock second(folder.path()); }),
              folder.path().string() +
                  ": another process is at work in this folder; allowed is one at a time");
  }
  const FolderLock again(folder.path());
  EXPECT_EQ(MessageOf<IoError>([&] { FolderLock none(folder / "none"); }),
            (folder / "none").string() + ": cannot open: No such file or directory");
}

TEST(FileTest, AFullDiskKeepsTheOldFileAndLeavesNothingElse) {
  const TempFolder folder;
  WriteFileAtomically(folder / "a", "old");
  {
    const FullDisk disk(1000);
    EXPECT_EQ(
        MessageOf<IoError>([&] { WriteFileAtomically(folder / "a", std::string(5000, 'x')); }),
        (folder / "a").string() + ": cannot write: File too large");
  }
  EXPECT_EQ(ReadFile(folder / "a"), "old");
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"a"});
  WriteFileAtomically(folder / "a", std::string(5000, 'x'));
  EXPECT_EQ(ReadFile(folder / "a").size(), 5000U);
}

TEST(FileTest, AWriterThatWasKilledKeepsTheOldFileAndTheNextOneTidiesUp) {
  const TempFolder folder;
  WriteFileAtomically(folder / "a", "old");
  WriteFileAtomically(folder / "ab", "another");
  const pid_t child = fork();
  if (child == 0) {
    // The signal of a file that grows too large ends the process amid its write.
    std::signal(SIGXFSZ, SIG_DFL);
    const rlimit no_core{0, 0}, small{1000, 1000};
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_FSIZE, &small);
    WriteFileAtomically(folder / "a", std::string(5000, 'x'));
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(ReadFile(folder / "a"), "old");
  EXPECT_EQ(Names(folder.path()).size(), 3U);
  WriteFileAtomically(folder / "a", "new");
  EXPECT_EQ(ReadFile(folder / "a"), "new");
  EXPECT_EQ(Names(folder.path()).size(), 2U);
}

TEST(FileTest, NamesAPlaceThatCannotBeWritten) {
  const TempFolder folder;
  EXPECT_EQ(MessageOf<IoError>([&] { WriteFileAtomically(folder / "none/a", "x"); }),
            (folder / "none/a").string() + ": cannot write: No such file or directory");
  CreateFolder(folder / "b");
  EXPECT_EQ(MessageOf<IoError>([&] { WriteFileAtomically(folder / "b", "x"); }),
            (folder / "b").string() + ": cannot write: Is a directory");
}

TEST(FileTest, NamesWhatCannotBeRead) {
  const TempFolder folder;
  EXPECT_EQ(MessageOf<IoError>([&] { ReadFile(folder / "none"); }),
            (folder / "none").string() + ": cannot read: No such file or directory");
  EXPECT_EQ(MessageOf<IoError>([&] { ReadFile(folder.path()); }),
            folder.path().string() + ": cannot read: Is a directory");
}

TEST(FileTest, APipeOrDeviceIsAnErrorAndNotAWait) {
  const TempFolder folder;
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MessageOf<IoError>([&] { ReadFile(pipe); }),
            pipe.string() + ": cannot read: it is not a regular file");
  EXPECT_EQ(MessageOf<IoError>([&] { ReadFile("/dev/zero"); }),
            "/dev/zero: cannot read: it is not a regular file");
}

TEST(FileTest, ReadsThroughASymbolicLink) {
  const TempFolder folder;
  WriteFileAtomically(folder / "a", "content");
  fs::create_symlink(folder / "a", folder / "link");
  EXPECT_EQ(ReadFile(folder / "link"), "content");
}

TEST(PartialFileTest, BecomesTheTargetAtOnceOrGoesAway) {
  const TempFolder folder;
  WriteFileAtomically(folder / "a", "older");
  {
    const PartialFile partial(folder / "a");
    std::ofstream(partial.path()) << "half";
    EXPECT_EQ(partial.path().parent_path(), folder.path());
    EXPECT_EQ(Names(folder.path()).size(), 2U);
  }
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"a"});
  EXPECT_EQ(ReadFile(folder / "a"), "older");
  PartialFile partial(folder / "a");
  std::ofstream(partial.path()) << "whole";
  partial.MoveIntoPlace();
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"a"});
  EXPECT_EQ(ReadFile(folder / "a"), "whole");
}

TEST(FileTest, AFolderThatCannotBeCreatedIsAnError) {
  const TempFolder folder;
  WriteFileAtomically(folder / "a", "x");
  EXPECT_EQ(MessageOf<IoError>([&] { CreateFolder(folder / "a/b"); }),
            (folder / "a/b").string() + ": cannot create the folder: Not a directory");
  CreateFolder(folder / "c/d/e");
  EXPECT_TRUE(fs::is_directory(folder / "c/d/e"));
  CreateFolder(folder / "c/d/e");
}

// The digests of FIPS 180-2, appendix B.
TEST(Sha256Test, GivesTheStandardsDigests) {
  Sha256 digest;
  digest.Update("a");
  digest.Update("bc");
  EXPECT_EQ(digest.HexDigest(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256().HexDigest(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// The digests of RFC 1321, appendix A.5.
TEST(Md5Test, GivesTheStandardsDigests) {
  Md5 digest;
  digest.Update("ab");
  digest.Update("c");
  EXPECT_EQ(digest.HexDigest(), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(Md5().HexDigest(), "d41d8cd98f00b204e9800998ecf8427e");
}

}  // namespace
}  // namespace duet::core
