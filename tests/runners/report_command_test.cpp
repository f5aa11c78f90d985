#include "runners/report_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "core/file.h"
#include "runners/results_json.h"
#include "tests/runners/made_up_results.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;

using testing::HasSubstr;

// What the command prints.
std::string RunReport(std::vector<std::string> arguments) {
  CLI::App app;
  int exit_code = 9;
  AddReportCommand(app, exit_code);
  arguments.insert(arguments.begin(), "report");
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes vectors
  testing::internal::CaptureStdout();
  try {
    app.parse(arguments);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  std::fflush(stdout);
  EXPECT_EQ(exit_code, 0);
  return testing::internal::GetCapturedStdout();
}

void WriteTrainingRun(const std::filesystem::path& folder, const std::string& name,
                      const std::string& kind, const std::string& task) {
  MethodResult method = MakeUpMethod(name, kind, 1000.0, 3);
  method.task = task;
  core::CreateFolder(folder);
  core::WriteFileAtomically(folder / "result.json", ResultJson(method, Provenance{}));
}

TEST(ReportCommandTest, WritesThePageIntoTheFolderOfASingleRun) {
  const TempFolder folder;
  WriteTrainingRun(folder / "a", "alone", "alone", "Hopper-v5");
  const std::string output = RunReport({(folder / "a").string()});
  EXPECT_THAT(output, HasSubstr("alone"));
  EXPECT_THAT(output, HasSubstr("report: " + (folder / "a/report.html").string()));
  EXPECT_THAT(core::ReadFile(folder / "a/report.html"), HasSubstr("<!DOCTYPE html>"));
}

TEST(ReportCommandTest, MergesRunsOnTheSameTask) {
  const TempFolder folder;
  WriteTrainingRun(folder / "a", "alone", "alone", "Hopper-v5");
  WriteTrainingRun(folder / "b", "dual", "dual", "Hopper-v5");
  const std::string out = (folder / "page.html").string();
  const std::string output =
      RunReport({(folder / "a").string(), (folder / "b").string(), "--out", out});
  EXPECT_THAT(output, HasSubstr("dual: IQM"));
  EXPECT_THAT(core::ReadFile(out), HasSubstr("Probability of improvement over alone"));
}

TEST(ReportCommandTest, RefusesRunsOnDifferentTasks) {
  const TempFolder folder;
  WriteTrainingRun(folder / "a", "alone", "alone", "Hopper-v5");
  WriteTrainingRun(folder / "b", "dual", "dual", "Swimmer-v5");
  EXPECT_EQ(MessageOf<Error>([&] {
              RunReport({(folder / "a").string(), (folder / "b").string()});
            }),
            "a is on Hopper-v5, b on Swimmer-v5: only runs on the same task can be compared");
}

TEST(ReportCommandTest, NamesAFolderThatIsMissing) {
  EXPECT_EQ(MessageOf<IoError>([] { RunReport({"runs/nowhere"}); }),
            "runs/nowhere: no such folder, the folder of a run is needed");
}

}  // namespace
}  // namespace duet::runners
