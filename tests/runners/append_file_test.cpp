#include "runners/append_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "core/error.h"
#include "core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;

TEST(AppendFileTest, KeepsWhatWasThereAndAppends) {
  const TempFolder folder;
  {
    AppendFile file(folder / "a");
    file.Append("one\n");
    EXPECT_EQ(file.Size(), 4U);
  }
  AppendFile file(folder / "a");
  file.Append("two\n");
  file.Flush();
  EXPECT_EQ(file.Read(), "one\ntwo\n");
}

TEST(AppendFileTest, CutsBackToASavedSize) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a", "one\ntwo\n");
  AppendFile file(folder / "a", 4);
  file.Append("2\n");
  file.Flush();
  EXPECT_EQ(core::ReadFile(folder / "a"), "one\n2\n");
}

TEST(AppendFileTest, NamesAFileThatIsShorterThanTheCheckpointSays) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "a", "one\n");
  EXPECT_EQ(
      MessageOf<IoError>([&] { AppendFile(folder / "a", 9); }),
      (folder / "a").string() + ": holds 4 bytes, at least the 9 of the checkpoint are needed");
}

TEST(AppendFileTest, NamesAFolderThatIsMissing) {
  const TempFolder folder;
  EXPECT_EQ(MessageOf<IoError>([&] { AppendFile(folder / "no/a"); }),
            (folder / "no/a").string() + ": cannot write: No such file or directory");
}

// A limit on the size of files stands in for a full disk: both cut a write short.
TEST(AppendFileTest, KeepsWholeRecordsWhenTheDiskIsFull) {
  const TempFolder folder;
  AppendFile file(folder / "a");
  file.Append("one\n");
  file.Flush();
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = 6;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  file.Append("three\n");
  const std::string message = MessageOf<IoError>([&] { file.Flush(); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_action);
  EXPECT_EQ(message, (folder / "a").string() + ": cannot write: File too large");
  EXPECT_EQ(core::ReadFile(folder / "a"), "one\n");
  file.Append("two\n");
  file.Flush();
  EXPECT_EQ(core::ReadFile(folder / "a"), "one\ntwo\n");
}

}  // namespace
}  // namespace duet::runners
