#include "runners/results_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"
#include "tests/runners/made_up_results.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;

using Json = nlohmann::json;

void WriteRun(const ComparisonResult& comparison, const std::filesystem::path& folder) {
  for (const MethodResult& method : comparison.methods) {
    core::CreateFolder(folder / "methods" / method.name);
    core::WriteFileAtomically(folder / "methods" / method.name / "result.json",
                              ResultJson(method, comparison.provenance));
  }
  core::WriteFileAtomically(folder / "config.toml", comparison.config_toml);
}

TEST(ResultJsonTest, GivesBackTheSameNumbersBitForBit) {
  const TempFolder folder;
  MethodResult method = MakeUpMethod("dual", "dual", 1234.5);
  method.evaluations[0].returns[0][0] = 0.1 + 0.2;
  method.evaluations[0].returns[0][1] = std::numeric_limits<double>::denorm_min();
  method.diagnostics[0].values["weight_mean"][0][0] = std::nan("");
  const Provenance provenance = MakeUpComparison().provenance;
  core::WriteFileAtomically(folder / "result.json", ResultJson(method, provenance));
  const StoredResult stored = ReadResult(folder / "result.json");
  EXPECT_TRUE(std::isnan(stored.method.diagnostics[0].values.at("weight_mean")[0][0]));
  EXPECT_EQ(stored.method.evaluations[0].returns, method.evaluations[0].returns);
  EXPECT_EQ(stored.method.seeds, method.seeds);
  EXPECT_EQ(stored.provenance.hardware, provenance.hardware);
  // The text holds every field, so equal texts mean equal results.
  EXPECT_EQ(ResultJson(stored.method, stored.provenance), ResultJson(method, provenance));
}

class DamagedResultTest : public testing::Test {
 protected:
  // What ReadResult says of the content, after the path.
  std::string Complaint(const std::string& content) {
    const std::filesystem::path path = folder_ / "result.json";
    core::WriteFileAtomically(path, content);
    const std::string message = MessageOf<IoError>([&] { ReadResult(path); });
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_TRUE(message.starts_with(path.string() + ": ")) << message;
    return message.substr(std::min(message.size(), path.string().size() + 2));
  }
  std::string ComplaintAfter(const std::function<void(Json&)>& change) {
    Json json = Json::parse(ResultJson(MakeUpMethod("dual", "dual", 1.0, 2), Provenance{}));
    change(json);
    return Complaint(json.dump());
  }
  TempFolder folder_;
};

TEST_F(DamagedResultTest, IsTruncatedOrNoJson) {
  EXPECT_EQ(Complaint("{\"schema\": 1, \"na"), "damaged at byte 18, a JSON object is allowed");
  EXPECT_EQ(Complaint(""), "damaged at byte 1, a JSON object is allowed");
  EXPECT_EQ(Complaint("[1, 2]"), "found [1,2], an object is allowed");
  EXPECT_NE(Complaint(std::string("\x89PNG\r\n\x00\x01", 8)), "");
}

TEST_F(DamagedResultTest, IsOfAnotherSchema) {
  EXPECT_EQ(ComplaintAfter([](Json& json) { json["schema"] = 2; }),
            "\"schema\" is 2, 1 is allowed");
  EXPECT_EQ(ComplaintAfter([](Json& json) { json.erase("schema"); }),
            "\"schema\" is missing, schema 1 has it");
}

TEST_F(DamagedResultTest, LacksAFieldOrHasAnotherType) {
  EXPECT_EQ(ComplaintAfter([](Json& json) { json.erase("seeds"); }),
            "\"seeds\" is missing, schema 1 has it");
  EXPECT_EQ(ComplaintAfter([](Json& json) { json["learners"] = 0; }),
            "\"learners\" is 0, a whole number of at least 1 is allowed");
  EXPECT_EQ(ComplaintAfter([](Json& json) { json["seeds"][1] = "one"; }),
            "\"seeds[1]\" is \"one\", a whole number is allowed");
  EXPECT_EQ(ComplaintAfter([](Json& json) { json["evaluations"][2]["returns"][0][1] = "high"; }),
            "\"evaluations[2].returns[0][1]\" is \"high\", a number or null is allowed");
  EXPECT_EQ(
      ComplaintAfter([](Json& json) { json["evaluations"][2]["returns"].erase(1); }).substr(0, 28),
      "\"evaluations[2].returns\" is ");
}

TEST(ReadRunTest, ReadsAComparisonInTheOrderOfItsSummary) {
  const TempFolder folder;
  ComparisonResult comparison = MakeUpComparison(3);
  WriteRun(comparison, folder.path());
  ComparisonResult read = ReadRun(folder.path());
  EXPECT_EQ(read.name, folder.path().filename().string());
  EXPECT_EQ(read.methods[0].name, "alone");
  EXPECT_EQ(read.methods[1].name, "teacher");

  std::swap(comparison.methods[0], comparison.methods[2]);
  core::WriteFileAtomically(folder / "summary.json", SummaryJson(comparison));
  read = ReadRun(folder.path());
  EXPECT_EQ(read.name, comparison.name);
  EXPECT_EQ(read.wall_seconds, comparison.wall_seconds);
  EXPECT_EQ(read.config_toml, comparison.config_toml);
  ASSERT_EQ(read.methods.size(), 4U);
  EXPECT_EQ(read.methods[0].name, "dual");
  EXPECT_EQ(SummaryJson(read), SummaryJson(comparison));
}

TEST(ReadRunTest, ReadsASingleTrainingRun) {
  const TempFolder folder;
  core::WriteFileAtomically(folder / "result.json",
                            ResultJson(MakeUpMethod("dual", "dual", 1.0), Provenance{}));
  const ComparisonResult read = ReadRun(folder.path());
  ASSERT_EQ(read.methods.size(), 1U);
  EXPECT_EQ(read.task, "HalfCheetah-v5");
}

TEST(ReadRunTest, LeavesOutWhatHasNotFinishedAndNamesIt) {
  const TempFolder folder;
  WriteRun(MakeUpComparison(2), folder.path());
  std::filesystem::remove(folder / "methods/dual/result.json");
  std::vector<std::string> unfinished;
  EXPECT_EQ(ReadRun(folder.path(), &unfinished).methods.size(), 3U);
  EXPECT_EQ(unfinished, std::vector<std::string>{"dual"});
}

TEST(ReadRunTest, SaysWhatAFolderLacks) {
  const TempFolder folder;
  const std::string path = folder.path().string();
  EXPECT_EQ(MessageOf<IoError>([&] { ReadRun(folder.path()); }),
            path + ": holds no finished result, result.json or methods/NAME/result.json is needed");
  EXPECT_EQ(MessageOf<IoError>([&] { ReadRun(folder / "nowhere"); }),
            path + "/nowhere: no such folder, the folder of a run is needed");
}

TEST(MergeRunsTest, MakesNamesThatOccurTwiceUnique) {
  ComparisonResult first = MakeUpComparison(2), second = MakeUpComparison(2);
  first.name = "first";
  second.name = "second";
  second.methods[2].name = "dual_hard";
  const ComparisonResult merged = MergeRuns({first, second, second});
  ASSERT_EQ(merged.methods.size(), 12U);
  EXPECT_EQ(merged.methods[0].name, "first/alone");
  EXPECT_EQ(merged.methods[2].name, "dual");
  EXPECT_EQ(merged.methods[6].name, "second/dual_hard");
  EXPECT_EQ(merged.methods[10].name, "second/dual_hard (2)");
}

TEST(MergeRunsTest, RefusesDifferentTasksAndNamesBoth) {
  ComparisonResult first = MakeUpComparison(2), second = MakeUpComparison(2);
  first.name = "first";
  second.name = "second";
  second.task = "Hopper-v5";
  EXPECT_EQ(MessageOf<Error>([&] {
              MergeRuns({first, second});
            }),
            "first is on HalfCheetah-v5, second on Hopper-v5: only runs on the same task can be "
            "compared");
}

TEST(SummaryJsonTest, HasTheDocumentedKeys) {
  const Json json = Json::parse(SummaryJson(MakeUpComparison(3)));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["task"], "HalfCheetah-v5");
  EXPECT_EQ(json["fingerprint"].get<std::string>().size(), 64U);
  EXPECT_EQ(json["seeds"], Json({0, 1, 2}));
  ASSERT_EQ(json["methods"].size(), 4U);
  const Json& alone = json["methods"][0];
  EXPECT_EQ(alone["name"], "alone");
  EXPECT_TRUE(alone["probability_of_improvement"].is_null());
  const Json& dual = json["methods"][2];
  EXPECT_EQ(dual["learners"], 2);
  EXPECT_EQ(dual["env_steps_total"], 300'000);
  EXPECT_EQ(dual["env_steps_per_learner"], 150'000);
  EXPECT_EQ(dual["gradient_steps_total"], 600'000);
  for (const char* score : {"final_return", "best_return", "area_under_curve"}) {
    for (const char* key : {"iqm", "low", "high", "median", "mean"}) {
      EXPECT_TRUE(dual[score][key].is_number()) << score << "." << key;
    }
    EXPECT_EQ(dual[score]["per_seed"].size(), 3U);
  }
  EXPECT_EQ(dual["probability_of_improvement"]["over"], "alone");
  EXPECT_EQ(dual["final_return_per_learner"].size(), 3U);
  EXPECT_EQ(dual["final_return_per_learner"][0].size(), 2U);
}

}  // namespace
}  // namespace duet::runners
