#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "core/config_reader.h"
#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::core {

enum class Color { kRed, kGreen };
constexpr Option<Color> kColors[] = {{"red", Color::kRed}, {"green", Color::kGreen}};

struct InnerConfig {
  double rate = 0.5;
  bool fast = false;
  bool operator==(const InnerConfig&) const = default;
};

void VisitFields(FieldVisitor& v, InnerConfig& c) {
  v.Field("rate", c.rate, {0.0, 1.0, true}, "how quickly");
  v.Field("fast", c.fast, "whether to hurry");
}

struct ItemConfig {
  std::string name = "item";
  InnerConfig inner;
  bool operator==(const ItemConfig&) const = default;
};

void VisitFields(FieldVisitor& v, ItemConfig& c) {
  v.Field("name", c.name, "what it is called");
  v.Section("inner", c.inner, "inside of the item");
}

struct OuterConfig {
  double gamma = 0.99;
  double free = 0.0;
  std::int64_t count = 3;
  std::string title = "plain";
  std::vector<std::int64_t> sizes = {1, 2};
  Color color = Color::kRed;
  InnerConfig inner;
  std::optional<InnerConfig> extra;
  std::vector<ItemConfig> items;
  std::vector<std::string> words = {"a"};
  Interval span;
  FreeTable anything;
  bool operator==(const OuterConfig&) const = default;
};

void VisitFields(FieldVisitor& v, OuterConfig& c) {
  v.Field("gamma", c.gamma, {0.0, 1.0}, "discount");
  v.Field("free", c.free, {}, "any number");
  v.Field("count", c.count, {1, 1'000'000'000}, "how many");
  v.Field("title", c.title, "heading");
  v.Field("sizes", c.sizes, {1, 100}, "of the parts");
  v.Choice("color", c.color, kColors, "of the paint");
  v.Field("words", c.words, "in order");
  v.Field("span", c.span, "from, to");
  v.FreeSection("anything", c.anything, "whatever there is");
  v.Section("inner", c.inner, "inside");
  v.OptionalSection("extra", c.extra, "may be absent");
  v.List("items", c.items, "one table each");
}

namespace {

using support::MessageOf;
using support::TempFolder;
using ::testing::HasSubstr;

OuterConfig Parse(std::string_view text, const std::vector<std::string>& overrides = {}) {
  OuterConfig config;
  ConfigFile(text, "a.toml", overrides).Read(config);
  return config;
}

std::string ErrorOf(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return MessageOf<ConfigError>([&] { Parse(text, overrides); });
}

using Swept = std::optional<ConfigFile::Swept>;

Swept FindSwept(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return ConfigFile(text, "a.toml", overrides).FindSwept(OuterConfig());
}

TEST(ConfigSweepTest, FindsTheFirstSettingWithSeveralValues) {
  EXPECT_FALSE(FindSwept("sizes = [1, 2]\nspan = [0, 1]\nwords = [\"x\"]\ngamma = 0.5"));
  const Swept swept = FindSwept("title = [\"a\", \"b c\"]\n[inner]\nrate = [0.9, 1]");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->path, "title");
  const Swept next = FindSwept("title = [\"a\"]\n[inner]\nrate = [0.9, 1]", {"title=a"});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->path, "inner.rate");
  EXPECT_EQ(next->values, (std::vector<std::string>{"0.9", "1"}));
  EXPECT_EQ(FindSwept("[[items]]\n[[items]]\ninner.fast = [true, false]")->path,
            "items.1.inner.fast");
  EXPECT_EQ(FindSwept("", {"color=[\"red\", \"green\"]"})->path, "color");
}

TEST(ConfigSweepTest, OfAListTheValuesAreLists) {
  const Swept swept = FindSwept("sizes = [[1, 2], [3]]");
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->values, (std::vector<std::string>{"[ 1, 2 ]", "[ 3 ]"}));
  EXPECT_EQ(Parse("", {"sizes=" + swept->values[1]}).sizes, (std::vector<std::int64_t>{3}));
  EXPECT_EQ(FindSwept("span = [[0, 1], [2, inf]]")->values.size(), 2U);
}

TEST(ConfigSweepTest, WhatComesBeforeIsCheckedAsEver) {
  const auto error = [](std::string_view text) {
    return MessageOf<ConfigError>([&] { FindSwept(text); });
  };
  EXPECT_EQ(error("gamma = []"), "a.toml:1: gamma is empty; allowed is at least one value");
  EXPECT_EQ(error("gamma = 2.0\ncount = [1, 2]"), "a.toml:1: gamma = 2 is outside [0, 1]");
}

TEST(ConfigReaderTest, KeepsDefaultsWhereTheFileIsSilent) { EXPECT_EQ(Parse(""), OuterConfig()); }

TEST(ConfigReaderTest, ReadsEveryKindOfSetting) {
  const OuterConfig config = Parse(R"(
gamma = 0.5
free = -1e300
count = 7
title = "a \"title\""
sizes = [3, 4, 5]
color = "green"
words = ["x", "y z"]
span = [-inf, 2]
anything = { flag = true, number = 3, range = [0.5, inf], "a key" = "text" }
inner = { rate = 1, fast = true }
[extra]
rate = 0.25
[[items]]
name = "first"
[[items]]
[items.inner]
fast = true
)");
  EXPECT_EQ(config.gamma, 0.5);
  EXPECT_EQ(config.free, -1e300);
  EXPECT_EQ(config.count, 7);
  EXPECT_EQ(config.title, "a \"title\"");
  EXPECT_EQ(config.sizes, (std::vector<std::int64_t>{3, 4, 5}));
  EXPECT_EQ(config.color, Color::kGreen);
  EXPECT_EQ(config.inner, (InnerConfig{.rate = 1.0, .fast = true}));
  EXPECT_EQ(config.words, (std::vector<std::string>{"x", "y z"}));
  EXPECT_EQ(config.span, (Interval{.high = 2.0}));
  EXPECT_EQ(config.anything, (FreeTable{{"flag", true},
                                        {"number", 3.0},
                                        {"range", Interval{.low = 0.5}},
                                        {"a key", std::string("text")}}));
  ASSERT_TRUE(config.extra);
  EXPECT_EQ(config.extra->rate, 0.25);
  ASSERT_EQ(config.items.size(), 2U);
  EXPECT_EQ(config.items[0].name, "first");
  EXPECT_EQ(config.items[1].name, "item");
  EXPECT_TRUE(config.items[1].inner.fast);
}

TEST(ConfigReaderTest, AnEmptyOptionalSectionIsPresent) {
  EXPECT_TRUE(Parse("[extra]").extra);
  EXPECT_FALSE(Parse("").extra);
}

TEST(ConfigReaderTest, AListOfDefaultsStaysWhereTheFileHasNone) {
  OuterConfig config;
  config.items.push_back({.name = "given", .inner = {}});
  ConfigFile("count = 2", "a.toml", {}).Read(config);
  ASSERT_EQ(config.items.size(), 1U);
  EXPECT_EQ(config.items[0].name, "given");
}

TEST(ConfigReaderTest, WholeFloatsAreIntegers) {
  EXPECT_EQ(Parse("count = 1e6").count, 1'000'000);
  EXPECT_EQ(Parse("sizes = [1e1, 2.0]").sizes, (std::vector<std::int64_t>{10, 2}));
}

TEST(ConfigReaderTest, BoundsOfAClosedRangeAreAllowed) {
  EXPECT_EQ(Parse("gamma = 0").gamma, 0.0);
  EXPECT_EQ(Parse("gamma = 1").gamma, 1.0);
  EXPECT_EQ(Parse("inner.rate = 1").inner.rate, 1.0);
}

TEST(ConfigReaderTest, NamesAnUnknownKeyWithTheNearestAndAllKnownOnes) {
  EXPECT_EQ(ErrorOf("title = \"x\"\ngama = 0.5\n"),
            "a.toml:2: gama is not a known key; did you mean \"gamma\"? known here: anything, "
            "color, count, extra, free, gamma, inner, items, sizes, span, title, words");
  EXPECT_EQ(ErrorOf("[inner]\nmomentum = 1\n"),
            "a.toml:2: inner.momentum is not a known key; known here: fast, rate");
  EXPECT_EQ(ErrorOf("[[items]]\n[[items]]\ncolour = 1\n"),
            "a.toml:3: items.1.colour is not a known key; known here: inner, name");
  EXPECT_EQ(ErrorOf("[iner]\n"),
            "a.toml:1: iner is not a known key; did you mean \"inner\"? known here: anything, "
            "color, count, extra, free, gamma, inner, items, sizes, span, title, words");
}

TEST(ConfigReaderTest, NamesAValueOfAnotherType) {
  EXPECT_EQ(ErrorOf("gamma = \"high\""),
            "a.toml:1: gamma = 'high' is a string; allowed is a number");
  EXPECT_EQ(ErrorOf("\ncount = 1.5"), "a.toml:2: count = 1.5 is a number; allowed is an integer");
  EXPECT_EQ(ErrorOf("count = true"), "a.toml:1: count = true is a boolean; allowed is an integer");
  EXPECT_EQ(ErrorOf("title = 3"), "a.toml:1: title = 3 is an integer; allowed is a string");
  EXPECT_EQ(ErrorOf("inner.fast = 1"),
            "a.toml:1: inner.fast = 1 is an integer; allowed is true or false");
  EXPECT_EQ(ErrorOf("sizes = 3"),
            "a.toml:1: sizes = 3 is an integer; allowed is an array of integers");
  EXPECT_EQ(ErrorOf("sizes = [1,\n 'b']"),
            "a.toml:2: sizes = 'b' is a string; allowed is an integer");
  EXPECT_EQ(ErrorOf("words = 'x'"),
            "a.toml:1: words = 'x' is a string; allowed is an array of strings");
  EXPECT_EQ(ErrorOf("words = ['x',\n 1]"),
            "a.toml:2: words = 1 is an integer; allowed is a string");
  for (const char* value : {"3", "[ 1 ]", "[ 1, 2, 3 ]", "[ 2, 1 ]", "[ 1, 'x' ]", "[ nan, 1 ]"}) {
    EXPECT_THAT(ErrorOf(std::string("span = ") + value),
                ::testing::EndsWith("; allowed is two numbers [low, high] with low <= high"))
        << value;
  }
  EXPECT_EQ(ErrorOf("[anything]\nx = [1, 2, 3]"),
            "a.toml:2: anything.x = [ 1, 2, 3 ] is an array; allowed is true or false, a number, a "
            "string, or two numbers [low, high] with low <= high");
  EXPECT_EQ(ErrorOf("anything = 1"), "a.toml:1: anything = 1 is an integer; allowed is a table");
  EXPECT_EQ(ErrorOf("inner = 2"), "a.toml:1: inner = 2 is an integer; allowed is a table");
  EXPECT_EQ(ErrorOf("items = [1, 2]"),
            "a.toml:1: items = [ 1, 2 ] is an array; allowed is an array of tables, [[items]]");
  EXPECT_EQ(ErrorOf("title = 2024-01-02"),
            "a.toml:1: title = 2024-01-02 is a date or time; allowed is a string");
  EXPECT_EQ(ErrorOf("color = 1"),
            "a.toml:1: color = 1 is an integer; allowed is one of \"red\", \"green\"");
}

TEST(ConfigReaderTest, NamesAValueOutOfRange) {
  EXPECT_EQ(ErrorOf("gamma = 1.5"), "a.toml:1: gamma = 1.5 is outside [0, 1]");
  EXPECT_EQ(ErrorOf("gamma = nan"), "a.toml:1: gamma = nan is outside [0, 1]");
  EXPECT_EQ(ErrorOf("free = inf"), "a.toml:1: free = inf is outside (-inf, inf)");
  EXPECT_EQ(ErrorOf("inner.rate = 0"), "a.toml:1: inner.rate = 0 is outside (0, 1]");
  EXPECT_EQ(ErrorOf("count = 0"), "a.toml:1: count = 0 is outside [1, 1000000000]");
  EXPECT_EQ(ErrorOf("sizes = [1, 101]"), "a.toml:1: sizes = 101 is outside [1, 100]");
  EXPECT_EQ(ErrorOf("color = \"blue\""),
            "a.toml:1: color = \"blue\" is not one of \"red\", \"green\"");
  EXPECT_EQ(ErrorOf("[extra]\nrate = -1"), "a.toml:2: extra.rate = -1 is outside (0, 1]");
}

TEST(ConfigReaderTest, NamesTheLineOfWhatIsNotToml) {
  const std::string error = ErrorOf("gamma = 0.5\ncount = = 2\n");
  EXPECT_THAT(error, ::testing::StartsWith("a.toml:2: not valid TOML: "));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_THAT(ErrorOf("gamma = 1\ngamma = 2\n"), HasSubstr("a.toml:2: not valid TOML: "));
}

TEST(ConfigReaderTest, EveryErrorIsOneLine) {
  for (const char* text : {"title = [\"a\nb\"]", "title = [\"\"\"\nx\ny\"\"\"]", "\"a\\nb\" = 1",
                           "gamma = \"\"\"one\ntwo\"\"\"", "count = {a = 1, b = [1,\n2]}",
                           "color = \"a\\nb\"", "x = \x01", "= 3", "[[items]]\nname = {}"}) {
    const std::string error = ErrorOf(text);
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(ConfigOverrideTest, SetsValuesOfEveryKind) {
  const OuterConfig config =
      Parse("count = 2\n[[items]]\n[[items]]\n",
            {"gamma=0.25", "count=1e3", "title=a bare word", "sizes=[7]", "color=green",
             "inner.fast=true", "anything.x=[0, inf]", "anything.y=word", "extra.rate=0.125",
             "items.1.name=second", "free=-2"});
  EXPECT_EQ(config.gamma, 0.25);
  EXPECT_EQ(config.count, 1000);
  EXPECT_EQ(config.title, "a bare word");
  EXPECT_EQ(config.sizes, std::vector<std::int64_t>{7});
  EXPECT_EQ(config.color, Color::kGreen);
  EXPECT_TRUE(config.inner.fast);
  EXPECT_EQ(config.anything, (FreeTable{{"x", Interval{.low = 0.0}}, {"y", std::string("word")}}));
  EXPECT_EQ(config.extra.value().rate, 0.125);
  EXPECT_EQ(config.items.at(0).name, "item");
  EXPECT_EQ(config.items.at(1).name, "second");
  EXPECT_EQ(config.free, -2.0);
}

TEST(ConfigOverrideTest, TheLastOneWins) {
  EXPECT_EQ(Parse("gamma = 0.1", {"gamma=0.2", "gamma=0.3"}).gamma, 0.3);
}

TEST(ConfigOverrideTest, SetsAnElementOfAnArray) {
  EXPECT_EQ(Parse("sizes = [4, 5]", {"sizes.1=6"}).sizes, (std::vector<std::int64_t>{4, 6}));
}

TEST(ConfigOverrideTest, ErrorsNameTheOverride) {
  EXPECT_EQ(ErrorOf("", {"gamma=2"}), "--set gamma = 2 is outside [0, 1]");
  EXPECT_EQ(ErrorOf("gamma = 0.5", {"inner.rat=2"}),
            "--set inner.rat is not a known key; did you mean \"rate\"? known here: fast, rate");
  EXPECT_EQ(ErrorOf("", {"extra={rate=3}"}), "--set extra.rate = 3 is outside (0, 1]");
  EXPECT_EQ(ErrorOf("", {"count=many"}), "--set count = 'many' is a string; allowed is an integer");
}

TEST(ConfigOverrideTest, RefusesWhatIsNoAssignment) {
  EXPECT_EQ(ErrorOf("", {"gamma"}),
            "--set gamma: no value; the form is key.path=value, as in agent.gamma=0.99");
  EXPECT_EQ(ErrorOf("", {"=1"}),
            "--set =1: no key; the form is key.path=value, as in agent.gamma=0.99");
  for (const char* path : {".", "inner.", ".inner", "inner..rate"}) {
    EXPECT_EQ(ErrorOf("", {std::string(path) + "=1"}),
              "--set " + std::string(path) +
                  "=1: an empty key; the form is key.path=value, as in agent.gamma=0.99");
  }
}

TEST(ConfigOverrideTest, RefusesPathsThatLeadNowhere) {
  EXPECT_EQ(ErrorOf("sizes = [4, 5]", {"sizes.2=6"}),
            "--set sizes.2: '2' is not an element; there are 2, from 0");
  EXPECT_EQ(ErrorOf("[[items]]", {"items.one.name=x"}),
            "--set items.one.name: 'one' is not an element; there are 1, from 0");
  EXPECT_EQ(ErrorOf("count = 3", {"count.of=6"}),
            "--set count.of: nothing can be set inside an integer");
  EXPECT_EQ(ErrorOf("sizes = [4]", {"sizes.99999999999999999999=6"}),
            "--set sizes.99999999999999999999: '99999999999999999999' is not an element; there are "
            "1, from 0");
}

TEST(ConfigReaderTest, TellsWhereASettingWasGiven) {
  const std::vector<std::string> overrides = {"inner.fast=true"};
  const ConfigFile file("gamma = 1\n\n[[items]]\n[[items]]\nname = \"b\"\n", "a.toml", overrides);
  EXPECT_EQ(file.Where("gamma"), "a.toml:1: gamma");
  EXPECT_EQ(file.Where("items.1.name"), "a.toml:5: items.1.name");
  EXPECT_EQ(file.Where("count"), "a.toml: count");
  EXPECT_EQ(file.Where("inner.fast"), "--set inner.fast");
}

TEST(ConfigReaderTest, ASectionIsReadWithoutTheRest) {
  const ConfigFile file("unknown = 1\n[inner]\nrate = 0.25\n[other]\nx = 2\n", "a.toml", {});
  InnerConfig inner;
  file.ReadSection("inner", inner);
  EXPECT_EQ(inner.rate, 0.25);
  const ConfigFile bad("[inner]\nrat = 0.25\n", "a.toml", {});
  EXPECT_THAT(MessageOf<ConfigError>([&] { bad.ReadSection("inner", inner); }),
              HasSubstr("a.toml:2: inner.rat is not a known key"));
}

TEST(ConfigReaderTest, AFileThatCannotBeReadIsAnIoError) {
  const TempFolder folder;
  const auto read = [&](const std::string& name) {
    return MessageOf<IoError>([&] { ConfigFile(folder / name, {}); });
  };
  EXPECT_EQ(read("none.toml"),
            (folder / "none.toml").string() + ": cannot read: No such file or directory");
  CreateFolder(folder / "folder");
  EXPECT_EQ(read("folder"), (folder / "folder").string() + ": cannot read: Is a directory");
}

OuterConfig Unusual() {
  OuterConfig config;
  config.gamma = 0.1 + 0.2;
  config.free = -1.7976931348623157e308;
  config.count = 123'456'789;
  config.title = "quote \" back\\slash\nline\ttab é";
  config.sizes = {100, 1, 50};
  config.color = Color::kGreen;
  config.words = {"", "quote \" and '", "line\nbreak"};
  config.span = {-1e-300, 1e300};
  config.anything = {{"flag", false},
                     {"a.b \"c\"", 0.1 + 0.2},
                     {"whole", 3.0},
                     {"range", Interval{}},
                     {"text", std::string("true")}};
  config.inner = {.rate = 5e-324, .fast = true};
  config.extra = InnerConfig{.rate = 1.0};
  config.items = {{.name = "a", .inner = {.rate = 0.3}}, {.name = "", .inner = {}}};
  return config;
}

TEST(ConfigWriterTest, WhatItWritesReadsBackTheSame) {
  EXPECT_EQ(Parse(ToToml(OuterConfig())), OuterConfig());
  EXPECT_EQ(Parse(ToToml(Unusual())), Unusual()) << ToToml(Unusual());
}

TEST(ConfigWriterTest, WritesEveryDefault) {
  EXPECT_EQ(ToToml(OuterConfig()),
            "gamma = 0.99\nfree = 0.0\ncount = 3\ntitle = 'plain'\nsizes = [1, 2]\ncolor = 'red'\n"
            "words = ['a']\nspan = [-inf, inf]\n"
            "\n[inner]\nrate = 0.5\nfast = false\n");
}

TEST(SettingsHelpTest, NamesEverySettingWithDefaultRangeAndMeaning) {
  EXPECT_EQ(SettingsHelp(OuterConfig()),
            "  gamma = 0.99                           discount  (0 to 1)\n"
            "  free = 0.0                             any number  (any)\n"
            "  count = 3                              how many  (1 to 1000000000)\n"
            "  title = 'plain'                        heading\n"
            "  sizes = [1, 2]                         of the parts  (each in 1 to 100)\n"
            "  color = 'red'                          of the paint  (red | green)\n"
            "  words = ['a']                          in order\n"
            "  span = [-inf, inf]                     from, to  ([low, high], inf allowed)\n"
            "\n[anything]  whatever there is\n"
            "\n[inner]  inside\n"
            "  rate = 0.5                             how quickly  (above 0 to 1)\n"
            "  fast = false                           whether to hurry  (true | false)\n"
            "\n[extra]  may be absent\n"
            "  rate = 0.5                             how quickly  (above 0 to 1)\n"
            "  fast = false                           whether to hurry  (true | false)\n"
            "\n[[items]]  one table each\n"
            "  name = 'item'                          what it is called\n"
            "\n[items.inner]  inside of the item\n"
            "  rate = 0.5                             how quickly  (above 0 to 1)\n"
            "  fast = false                           whether to hurry  (true | false)\n");
}

}  // namespace
}  // namespace duet::core
