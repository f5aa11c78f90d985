#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"
#include "runners/task_report.h"
#include "runners/task_results_json.h"
#include "runners/task_summary.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;
using ::testing::HasSubstr;
using ::testing::Not;

ModelResult Model(const std::string& name, double accuracy) {
  ModelResult model;
  model.name = name;
  model.network = "cnn2";
  model.seeds = {0, 1, 2};
  model.parameters = 13'100;
  model.size = 13'100.0;
  model.onnx_bytes = 55'010;
  model.onnx_int8_bytes = 17'220;
  model.epochs = 2;
  model.curve = {{.epoch = 1, .values = {{"train_loss", {2.0, 2.1, 2.2}}}},
                 {.epoch = 2,
                  .values = {{"train_loss", {1.0, 1.1, 1.2}},
                             {"test_accuracy", {accuracy, accuracy + 1.0, accuracy - 1.0}}}}};
  model.last = {{"test_accuracy", {accuracy, accuracy + 1.0, accuracy - 1.0}},
                {"test_nll", {1.5, 1.25, 1.0 / 3.0}},
                {"test_agreement_on_mistakes", {std::nan(""), 10.0, 20.0}}};
  model.selected = model.last;
  model.selected_epochs = {2, 1, 2};
  model.reliability = {.share = {0.5, 0.5}, .confidence = {0.3, 0.8}, .accuracy = {0.25, 0.7}};
  model.parameters_sha256 = "abc";
  return model;
}

TaskResult Task() {
  TaskResult task;
  task.name = "assistants";
  task.data = "shapes, 16x16: 100 train";
  task.config_toml = "name = \"<assistants>\"\n";
  task.models = {Model("teacher", 60.0), Model("kd", 55.0)};
  task.models[1].teachers = {"teacher"};
  task.models[1].last["test_agreement"] = {70.0, 71.0, 72.0};
  task.contrasts = {{.name = "gain",
                     .metric = "test_accuracy",
                     .plus = {"kd"},
                     .minus = {"teacher"},
                     .last = {-5.0, -4.0, -6.0},
                     .selected = {-5.0, -4.0, -6.0}}};
  task.agreement = {{100.0, 70.0}, {70.0, 100.0}};
  task.paths = {{.models = {"cnn4", "cnn2"}, .validation_accuracy = 54.0}};
  return task;
}

TEST(TaskResultsTest, AModelsResultReadsBackBitForBit) {
  const ModelResult model = Model("a", 100.0 / 3.0);
  const ModelResult read = ParseModelResult(ModelResultJson(model), "result.json");
  EXPECT_EQ(ModelResultJson(read), ModelResultJson(model));
  EXPECT_EQ(read.last.at("test_accuracy"), model.last.at("test_accuracy"));
  EXPECT_TRUE(std::isnan(read.last.at("test_agreement_on_mistakes")[0]));
}

TEST(TaskResultsTest, WithoutASizeItIsTheNumberOfParameters) {
  auto json = nlohmann::json::parse(ModelResultJson(Model("a", 50.0)));
  for (const char* key : {"size", "onnx_bytes", "onnx_int8_bytes"}) json.erase(key);
  const ModelResult read = ParseModelResult(json.dump(), "result.json");
  EXPECT_EQ(read.size, 13'100.0);
  EXPECT_EQ(read.onnx_bytes, 0);
}

TEST(TaskResultsTest, TheSummaryReadsBackAndKeepsItsFingerprint) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "summary.json", TaskSummaryJson(Task()));
  EXPECT_TRUE(IsTaskRun(folder.path()));
  const TaskResult read = ReadTaskSummary(folder.path());
  EXPECT_EQ(Fingerprint(read), Fingerprint(Task()));
  EXPECT_EQ(TaskSummaryJson(read), TaskSummaryJson(Task()));
  const auto json = nlohmann::json::parse(TaskSummaryJson(Task()));
  EXPECT_EQ(json["kind"], "distillation");
  EXPECT_NEAR(json["models"][1]["intervals"]["last"]["test_agreement"]["mean"].get<double>(), 71.0,
              1e-12);
}

TEST(TaskResultsTest, DamagedFilesAreToldInOneLine) {
  EXPECT_EQ(MessageOf<IoError>([] { ParseModelResult("{", "a/result.json"); }),
            "a/result.json: is not JSON; allowed is what Duet wrote");
  EXPECT_THAT(MessageOf<IoError>([] { ParseModelResult("{}", "a/result.json"); }),
              HasSubstr("a/result.json: \"reliability\" is missing"));
  const TempFolder folder;
  EXPECT_FALSE(IsTaskRun(folder.path()));
}

TEST(TaskResultsTest, TheFingerprintIsOfNumbersNotOfTimes) {
  TaskResult task = Task();
  task.wall_seconds = 7.0;
  task.models[0].wall_seconds = 3.0;
  task.models[0].milliseconds_per_image = 1.0;
  task.models[0].last["test_agreement_on_mistakes"][0] = -std::nan("");
  EXPECT_EQ(Fingerprint(task), Fingerprint(Task()));
  task.models[1].last["test_accuracy"][0] += 1e-9;
  EXPECT_NE(Fingerprint(task), Fingerprint(Task()));
}

TEST(TaskSummaryTest, ContrastsSayWhatTheirIntervalShows) {
  ContrastResult contrast = Task().contrasts.front();
  EXPECT_EQ(ContrastSentence(contrast),
            "gain: test_accuracy of kd - teacher = -5.00 [-7.48, -2.52], above 0 in 0 of 3 seeds: "
            "the interval lies below 0.");
  contrast.last = {5.0, -4.0, 6.0};
  EXPECT_THAT(ContrastSentence(contrast), HasSubstr("includes 0, so no difference is shown"));
  contrast.last = {5.0};
  EXPECT_THAT(ContrastSentence(contrast), HasSubstr("one seed has no interval"));
}

TEST(TaskSummaryTest, TheTableHasARowPerModelAndFits) {
  const std::string table = TaskTable(Task());
  EXPECT_THAT(table, HasSubstr("kd        13.1k  55.0 [52.5, 57.5]"));
  EXPECT_THAT(table, HasSubstr("best path to cnn2: cnn4 -> cnn2 (validation accuracy 54.0 %)"));
  std::size_t line = 0;
  for (const char c : table) {
    line = c == '\n' ? 0 : line + 1;
    EXPECT_LE(line, 100U);
  }
}

TEST(TaskSummaryTest, MetricsThatAreNotNumbersOfAllSeedsAreLeftOut) {
  const ModelResult model = Model("a", 50.0);
  EXPECT_EQ(FormatEstimate(MetricEstimate(model, Snapshot::kLast, "test_kl"), 1), "-");
  EXPECT_EQ(FormatEstimate(MetricEstimate(model, Snapshot::kLast, "test_agreement_on_mistakes"), 1),
            "-");
}

TEST(TaskReportTest, IsOnePageThatLoadsNothing) {
  const std::string page = RenderTaskReport(Task());
  for (const char* text : {"<title>assistants", "Agreement between models", "cnn4 → cnn2",
                           "gain:", "&lt;assistants&gt;"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  EXPECT_THAT(page, Not(HasSubstr("<script src")));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
}

TEST(TaskReportTest, HasPlacesForTheCurvesThatThereAre) {
  TaskResult task = Task();
  const std::string without_validation = RenderTaskReport(task);
  EXPECT_THAT(without_validation, HasSubstr("canvas id=\"curves\""));
  EXPECT_THAT(without_validation, HasSubstr("canvas id=\"losses\""));
  EXPECT_THAT(without_validation, Not(HasSubstr("canvas id=\"validation\"")));
  for (ModelResult& model : task.models) model.curve.clear();  // as of models that were loaded
  EXPECT_THAT(RenderTaskReport(task), Not(HasSubstr("Learning curves")));
}

}  // namespace
}  // namespace duet::runners
