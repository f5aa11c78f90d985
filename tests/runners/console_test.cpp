#include "runners/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>
#include <thread>

#include "tests/runners/made_up_results.h"

namespace duet::runners {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t LongestLine(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) {
    longest = std::max(longest,
                       static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
                         return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
                       })));
  }
  return longest;
}

TEST(ComparisonTableTest, ShowsEveryMethodAligned) {
  const std::string table = ComparisonTable(MakeUpComparison());
  EXPECT_THAT(table, HasSubstr("paper_ddpg_halfcheetah on HalfCheetah-v5, 5 seeds"));
  EXPECT_THAT(table, HasSubstr("\nalone  "));
  EXPECT_THAT(table, HasSubstr("\ndual  "));
  EXPECT_THAT(table, HasSubstr("150,000"));
  EXPECT_THAT(table, HasSubstr("so no difference is shown"));
  EXPECT_LE(LongestLine(table), 100U);
}

TEST(ComparisonTableTest, FitsAHundredColumnsWithLongNamesAndLargeNumbers) {
  ComparisonResult comparison = MakeUpComparison();
  for (MethodResult& method : comparison.methods) {
    method.name += " with a name that is much too long for a table";
    method.env_steps_total = 123'456'789;
    method.gradient_steps_total = 1'234'567'890;
    method.wall_seconds = 400'000.0;
    for (auto& returns : method.evaluations.back().returns) {
      for (double& value : returns) value = -12345.6 - value;
    }
  }
  EXPECT_LE(LongestLine(ComparisonTable(comparison)), 100U);
}

TEST(SweepTableTest, TheBestCombinationComesFirstWithItsWholeName) {
  ComparisonResult comparison = MakeUpComparison();
  const std::string worse = "gamma=0.9,hidden=64x64,learning_rate=0.0003";
  const std::string better = "gamma=0.99,hidden=64x64,learning_rate=0.0003";
  comparison.methods.resize(2);
  comparison.methods[0].name = worse;
  comparison.methods[1].name = better;
  for (MethodResult& method : comparison.methods) {
    for (auto& point : method.evaluations) {
      for (auto& returns : point.returns) {
        for (double& value : returns) value = method.name == better ? 20.0 : 10.0;
      }
    }
  }
  const std::string table = SweepTable(comparison);
  EXPECT_THAT(table, HasSubstr("2 combinations, 5 seeds each"));
  ASSERT_NE(table.find(better + "\n"), std::string::npos);
  EXPECT_LT(table.find(better), table.find(worse + "\n"));
}

TEST(ComparisonTableTest, OneSeedHasNoInterval) {
  EXPECT_THAT(ComparisonTable(MakeUpComparison(1)), HasSubstr("[n/a]"));
}

TEST(FormatDurationTest, UsesTwoUnits) {
  EXPECT_EQ(FormatDuration(4.25), "4.2 s");
  EXPECT_EQ(FormatDuration(45.4), "45 s");
  EXPECT_EQ(FormatDuration(200.0), "3 min 20 s");
  EXPECT_EQ(FormatDuration(7500.0), "2 h 05 min");
}

TEST(TerminalTest, AFileIsNotRedrawnAndHasNoColor) {
  std::FILE* file = std::tmpfile();
  const Terminal terminal = DetectTerminal(file);
  EXPECT_FALSE(terminal.redraw);
  EXPECT_FALSE(terminal.color);
  std::fclose(file);
}

class ProgressDisplayTest : public testing::Test {
 protected:
  ProgressDisplayTest() : file_(::open_memstream(&text_, &size_)) {}
  ~ProgressDisplayTest() override {
    std::fclose(file_);
    std::free(text_);
  }
  std::string Output() {
    std::fflush(file_);
    return std::string(text_, size_);
  }
  ProgressDisplay::Clock Clock() {
    return [this] { return now_; };
  }
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_;
  std::chrono::steady_clock::time_point now_;
};

TEST_F(ProgressDisplayTest, PlainOutputPrintsAtEachEvaluationAndElseEveryTenSeconds) {
  ProgressDisplay display({"alone"}, file_, {.redraw = false}, Clock());
  Progress progress{.fraction = 0.0, .steps_per_second = 1234.0};
  display.Update(0, progress);
  for (int second = 1; second <= 20; ++second) {
    now_ += std::chrono::seconds(1);
    progress.fraction = second / 40.0;
    if (second == 15) {
      progress.evaluations = 1;
      progress.last_return = 812.44;
    }
    display.Update(0, progress);
  }
  const std::string output = Output();
  EXPECT_EQ(output,
            "alone    0 %  1,234 steps/s\n"
            "alone   25 %  1,234 steps/s  30 s left\n"
            "alone   37 %  1,234 steps/s  return 812.4  25 s left\n");
  EXPECT_THAT(output, Not(HasSubstr("\x1b")));
}

TEST_F(ProgressDisplayTest, TerminalRedrawsOneLinePerActiveMethod) {
  ProgressDisplay display({"alone", "dual"}, file_, {.redraw = true, .columns = 80}, Clock());
  display.Update(0, {.fraction = 0.5});
  display.Update(1, {.fraction = 0.25});
  EXPECT_THAT(Output(), HasSubstr("\x1b[1A\x1b[J"));
  EXPECT_THAT(Output(), HasSubstr("alone  [###############---------------]   50 %"));
  display.Finish(0, "finished");
  EXPECT_THAT(Output(), HasSubstr("\x1b[2A\x1b[Jalone  finished\ndual   ["));
}

TEST_F(ProgressDisplayTest, NarrowTerminalsLoseTheBarFirst) {
  for (const int columns : {20, 30, 40, 60}) {
    ProgressDisplay display({"a_method_with_a_long_name"}, file_,
                            {.redraw = true, .columns = columns}, Clock());
    display.Update(0, {.fraction = 0.5, .steps_per_second = 1e6, .last_return = 1.0});
    EXPECT_LT(LongestLine(Output()), static_cast<std::size_t>(columns));
  }
}

TEST_F(ProgressDisplayTest, ColorIsUsedOnlyWhereAllowed) {
  {
    ProgressDisplay display({"a"}, file_, {.redraw = true, .color = false, .columns = 80}, Clock());
    display.Update(0, {.fraction = 0.5});
  }
  EXPECT_THAT(Output(), Not(HasSubstr("\x1b[36m")));
  ProgressDisplay display({"a"}, file_, {.redraw = true, .color = true, .columns = 80}, Clock());
  display.Update(0, {.fraction = 0.5});
  EXPECT_THAT(Output(), HasSubstr("\x1b[36m"));
}

TEST_F(ProgressDisplayTest, TimeLeftOfAResumedRunCountsFromItsStart) {
  ProgressDisplay display({"a"}, file_, {.redraw = false}, Clock());
  display.Update(0, {.fraction = 0.5});
  now_ += std::chrono::seconds(10);
  display.Update(0, {.fraction = 0.6});
  EXPECT_THAT(Output(), HasSubstr("40 s left"));
}

TEST_F(ProgressDisplayTest, MethodsMayReportFromSeveralThreads) {
  ProgressDisplay display({"a", "b"}, file_, {.redraw = false});
  {
    std::vector<std::jthread> threads;
    for (std::size_t method = 0; method < 2; ++method) {
      threads.emplace_back([&display, method] {
        for (int i = 1; i <= 50; ++i) {
          display.Update(method, {.fraction = i / 50.0, .evaluations = i});
        }
        display.Finish(method, "finished");
      });
    }
  }
  const std::string output = Output();
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 102);
}

}  // namespace
}  // namespace duet::runners
