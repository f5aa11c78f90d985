#include "runners/report_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"
#include "runners/console.h"
#include "runners/report.h"
#include "runners/results_json.h"
#include "runners/task_report.h"
#include "runners/task_results_json.h"
#include "runners/task_summary.h"

namespace duet::runners {
namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string out;
};

// The table and the page of a supervised task, which is reported alone.
void ReportTask(const std::string& folder, const std::filesystem::path& out) {
  const TaskResult task = ReadTaskSummary(folder);
  fmt::print("{}\n", TaskTable(task));
  core::WriteFileAtomically(out, RenderTaskReport(task));
  fmt::print("report: {}\n", out.string());
}

void Report(const ReportOptions& options) {
  if (options.runs.size() == 1 && IsTaskRun(options.runs.front())) {
    std::filesystem::path out = options.out;
    if (out.empty()) out = std::filesystem::path(options.runs.front()) / "report.html";
    return ReportTask(options.runs.front(), out);
  }
  std::vector<ComparisonResult> runs;
  std::string unfinished_lines;
  for (const std::string& folder : options.runs) {
    std::vector<std::string> unfinished;
    runs.push_back(ReadRun(folder, &unfinished));
    for (const std::string& name : unfinished) {
      unfinished_lines += fmt::format("{}: {} has no result yet and is left out\n", folder, name);
    }
  }
  const ComparisonResult merged = MergeRuns(runs);
  std::filesystem::path out = options.out;
  if (out.empty()) {
    out = options.runs.size() == 1 ? std::filesystem::path(options.runs.front()) / "report.html"
                                   : std::filesystem::path("report.html");
  }
  fmt::print("{}\n{}", ComparisonTable(merged), unfinished_lines);
  core::WriteFileAtomically(out, RenderReport(merged));
  fmt::print("report: {}\n", out.string());
}

}  // namespace

void AddReportCommand(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* command =
      app.add_subcommand("report", "tables and a report page over finished runs on one task");
  command
      ->add_option("RUN", options->runs,
                   "folders of runs, of `duet compare` or `duet train`; or one of `duet distill`")
      ->required();
  command->add_option("--out", options->out,
                      "the page to write; default: report.html in the folder of a single run, else "
                      "here");
  command->callback([options, &exit_code] {
    Report(*options);
    exit_code = 0;
  });
}

}  // namespace duet::runners
