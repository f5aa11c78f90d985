#include "runners/metric_writer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::MessageOf;
using support::TempFolder;

const std::string kHeader =
    "env_steps,env_steps_total,gradient_steps_total,phase,seed,learner,eval_return,weight_mean\n";

EvaluationPoint Evaluation(std::int64_t steps, double value) {
  return {.env_steps_total = 2 * steps,
          .env_steps_per_learner = steps,
          .gradient_steps_total = 3 * steps,
          .phase = "training",
          .returns = {{value, value + 1.0}}};
}

DiagnosticPoint Diagnostics(double weight) {
  return {.env_steps_total = 0,
          .env_steps_per_learner = 0,
          .values = {{"weight_mean", {{weight, std::nan("")}}}, {"actor_loss", {{1.0, 2.0}}}}};
}

TEST(MetricWriterTest, WritesOneRowPerPointSeedAndLearner) {
  const TempFolder folder;
  MetricWriter writer(folder.path(), {7}, {"weight_mean"});
  writer.Write(Evaluation(100, 0.1), Diagnostics(1.5), {.steps_per_second = 1000.0});
  // Given to the system without closing the writer.
  EXPECT_EQ(core::ReadFile(folder / "metrics.csv"), kHeader +
                                                        "100,200,300,training,7,0,0.1,1.5\n"
                                                        "100,200,300,training,7,1,1.1,\n");
  EXPECT_TRUE(std::filesystem::exists(folder / "events/seed_7/learner_1"));
}

TEST(MetricWriterTest, NumbersReadBackExactly) {
  const TempFolder folder;
  MetricWriter writer(folder.path(), {0}, {"weight_mean"});
  const double value = 0.1 + 0.2;
  writer.Write(Evaluation(1, value), Diagnostics(1e-300), {});
  const std::string content = core::ReadFile(folder / "metrics.csv");
  const std::string row = content.substr(kHeader.size());
  std::size_t begin = 0;
  for (int i = 0; i < 6; ++i) begin = row.find(',', begin) + 1;
  EXPECT_EQ(std::stod(row.substr(begin)), value);
}

TEST(MetricWriterTest, ATeachersPhaseHasItsOwnEvents) {
  const TempFolder folder;
  MetricWriter writer(folder.path(), {0}, {});
  EvaluationPoint point = Evaluation(1, {});
  point.phase = "teacher";
  point.returns = {{5.0}};
  writer.Write(point, {}, {});
  EXPECT_TRUE(std::filesystem::exists(folder / "events/seed_0/teacher"));
  EXPECT_FALSE(std::filesystem::exists(folder / "events/seed_0/learner_0"));
}

TEST(MetricWriterTest, ResumedRunHasTheBytesOfAnUninterruptedOne) {
  const TempFolder whole, cut;
  {
    MetricWriter writer(whole.path(), {0}, {"weight_mean"});
    for (int i = 1; i <= 4; ++i) writer.Write(Evaluation(i, i), Diagnostics(i), {});
  }
  std::string state;
  {
    MetricWriter writer(cut.path(), {0}, {"weight_mean"});
    for (int i = 1; i <= 3; ++i) {
      writer.Write(Evaluation(i, i), Diagnostics(i), {});
      if (i == 2) state = writer.SaveState();
    }
  }
  {
    MetricWriter writer(cut.path(), {0}, {"weight_mean"});
    writer.LoadState(state);
    for (int i = 3; i <= 4; ++i) writer.Write(Evaluation(i, i), Diagnostics(i), {});
  }
  EXPECT_EQ(core::ReadFile(whole / "metrics.csv"), core::ReadFile(cut / "metrics.csv"));
  const std::string events = "events/seed_0/learner_0/events.out.tfevents.0.duet";
  EXPECT_EQ(core::ReadFile(whole / events).size(), core::ReadFile(cut / events).size());
}

TEST(MetricWriterTest, ResumeBeforeTheFirstPointEmptiesTheEvents) {
  const TempFolder folder;
  MetricWriter writer(folder.path(), {0}, {"weight_mean"});
  const std::string state = writer.SaveState();
  writer.Write(Evaluation(1, 1), Diagnostics(1), {});
  const auto path = folder / "events/seed_0/learner_0/events.out.tfevents.0.duet";
  const auto size = std::filesystem::file_size(path);
  writer.LoadState(state);
  EXPECT_EQ(core::ReadFile(folder / "metrics.csv"), kHeader);
  writer.Write(Evaluation(1, 1), Diagnostics(1), {});
  EXPECT_EQ(std::filesystem::file_size(path), size);
}

TEST(MetricWriterTest, RefusesAFileWithOtherColumns) {
  const TempFolder folder;
  { MetricWriter writer(folder.path(), {0}, {"weight_mean"}); }
  EXPECT_EQ(MessageOf<IoError>([&] { MetricWriter(folder.path(), {0}, {}); }),
            (folder / "metrics.csv").string() + ": the first line is \"" +
                kHeader.substr(0, kHeader.size() - 1) +
                "\", \"env_steps,env_steps_total,gradient_steps_total,phase,seed,learner,"
                "eval_return\" is allowed");
}

TEST(MetricWriterTest, RefusesADamagedState) {
  const TempFolder folder;
  MetricWriter writer(folder.path(), {0}, {});
  EXPECT_EQ(MessageOf<IoError>([&] { writer.LoadState("{\"metrics_csv\": \"x\"}"); }),
            folder.path().string() + ": the sizes of its metrics in the checkpoint are damaged");
}

}  // namespace
}  // namespace duet::runners
