#include "runners/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "tests/runners/made_up_results.h"

namespace duet::runners {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string DataOf(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"report-data\">";
  const std::size_t begin = page.find(open) + open.size();
  return page.substr(begin, page.find("</script>", begin) - begin);
}

TEST(ReportTest, ShowsEveryMethodInChartsAndTables) {
  const ComparisonResult comparison = MakeUpComparison();
  const std::string page = RenderReport(comparison);
  const nlohmann::json data = nlohmann::json::parse(DataOf(page));
  ASSERT_EQ(data["methods"].size(), comparison.methods.size());
  for (std::size_t i = 0; i < comparison.methods.size(); ++i) {
    EXPECT_EQ(data["methods"][i]["name"], comparison.methods[i].name);
    EXPECT_THAT(page, HasSubstr("<th scope=\"row\">" + comparison.methods[i].name + "</th>"));
  }
  EXPECT_EQ(data["methods"][2]["curve"]["value"].size(), 31U);
  EXPECT_THAT(page, HasSubstr("Action distance between peers"));
  EXPECT_THAT(page, HasSubstr("so no difference is shown"));
  EXPECT_THAT(page, HasSubstr("AMD EPYC 7763"));
}

TEST(ReportTest, LoadsNothingFromElsewhere) {
  const std::string page = RenderReport(MakeUpComparison(2));
  for (const char* pattern :
       {"src\\s*=\\s*[\"']", "<link", "@import", "url\\(\\s*[\"']?http", "href\\s*=", "<iframe"}) {
    EXPECT_FALSE(std::regex_search(page, std::regex(pattern))) << pattern;
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(ReportTest, EscapesTextsOfTheRun) {
  ComparisonResult comparison = MakeUpComparison(2);
  const std::string attack = "</script><img onerror='x'>&\"{{data}}";
  comparison.name = attack;
  comparison.task = attack;
  comparison.config_toml = attack;
  comparison.provenance.hardware = attack;
  for (MethodResult& method : comparison.methods) method.name += attack;
  comparison.methods[2].diagnostics[0].values[attack] = {{1.0}};
  const std::string page = RenderReport(comparison);
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  const nlohmann::json data = nlohmann::json::parse(DataOf(page));
  EXPECT_EQ(data["methods"][0]["name"], "alone" + attack);
}

TEST(ReportTest, IsFilledInEverywhere) {
  const std::string page = RenderReport(MakeUpComparison(2));
  EXPECT_FALSE(std::regex_search(page, std::regex("\\{\\{[a-z_]+\\}\\}")));
}

TEST(ReportTest, WarnsOfUnequalBudgets) {
  ComparisonResult comparison = MakeUpComparison(2);
  EXPECT_THAT(RenderReport(comparison), Not(HasSubstr("did not have equal budgets")));
  comparison.methods[2].env_steps_total *= 2;
  EXPECT_THAT(RenderReport(comparison),
              HasSubstr("did not have equal budgets: from 300,000 to 600,000"));
}

TEST(ReportTest, ShowsASingleRunOfOneSeed) {
  ComparisonResult comparison = MakeUpComparison(1);
  comparison.methods = {comparison.methods[2]};
  const std::string page = RenderReport(comparison);
  EXPECT_THAT(page, HasSubstr("[n/a]"));
  EXPECT_THAT(page, Not(HasSubstr("Probability of improvement over")));
}

TEST(ReportTest, EqualInputGivesEqualPages) {
  EXPECT_EQ(RenderReport(MakeUpComparison(3)), RenderReport(MakeUpComparison(3)));
}

}  // namespace
}  // namespace duet::runners
