#include "runners/data/data_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "distill/tasks/data/catalog.h"
#include "tests/runners/data/file_server.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;
using ::testing::HasSubstr;

struct Outcome {
  int code = -1;
  std::string out;
};

Outcome RunProgram(std::vector<std::string> words) {
  CLI::App app("test", "duet");
  Outcome outcome;
  AddDataCommand(app, outcome.code);
  std::reverse(words.begin(), words.end());
  ::testing::internal::CaptureStdout();
  try {
    app.parse(words);
  } catch (...) {
    ::testing::internal::GetCapturedStdout();
    throw;
  }
  outcome.out = ::testing::internal::GetCapturedStdout();
  return outcome;
}

TEST(DataCommandTest, ListsEverySetWithAddressSizeAndChecksum) {
  const Outcome outcome = RunProgram({"data", "list"});
  EXPECT_EQ(outcome.code, 0);
  for (const tasks::PublishedSet& set : tasks::PublishedSets()) {
    EXPECT_THAT(outcome.out, HasSubstr(set.name + " "));
    for (const tasks::PublishedFile& file : set.files) {
      EXPECT_THAT(outcome.out, HasSubstr(file.address + "  " + std::to_string(file.bytes)));
      EXPECT_THAT(outcome.out, HasSubstr(tasks::ChecksumText(file)));
    }
  }
  EXPECT_THAT(outcome.out, HasSubstr("emnist_letters"));
}

TEST(DataCommandTest, CheckSaysWhatIsThere) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "train.bin", std::string(3073, '\1'));
  const Outcome outcome =
      RunProgram({"data", "check", "cifar10", "--data", folder.path().string()});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("ok    cifar10/train: 1 images of 3 x 32 x 32, 10 classes\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("FAIL  " + folder.path().string() + ": no test_batch.bin or "));
  core::WriteFileAtomically(folder / "test.bin", std::string(3073, '\1'));
  EXPECT_EQ(RunProgram({"data", "check", "cifar10", "--data", folder.path().string()}).code, 0);
}

TEST(DataCommandTest, GetTakesOnlyWhatWasPublished) {
  const TempFolder served, data;
  core::WriteFileAtomically(served / "cifar-10-binary.tar.gz", "something else");
  const support::FileServer server(served.path());
  const std::string mirror = server.Address("ranges", "");
  EXPECT_EQ(
      MessageOf<IoError>([&] {
        RunProgram({"data", "get", "cifar10", "--data", data.path().string(), "--mirror", mirror});
      }),
      mirror +
          "cifar-10-binary.tar.gz: not the published file: it has 14 bytes; published are "
          "170052171 bytes with MD5 c32a1d4ab5d03f1284b67883e8d87530");
}

TEST(DataCommandTest, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(MessageOf<ConfigError>([] {
              RunProgram({"data", "get", "cifar11", "--data", "."});
            }),
            "\"cifar11\" is no published set; allowed are cifar10, cifar100, mnist, fashion_mnist, "
            "emnist");
  ::unsetenv("DUET_DATA");
  EXPECT_EQ(MessageOf<ConfigError>([] {
              RunProgram({"data", "check", "cifar10"});
            }),
            "where to? Give the folder with --data DIR, or set DUET_DATA");
}

}  // namespace
}  // namespace duet::runners
