#include "runners/env_option_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::runners {
namespace {

using support::MessageOf;

envs::EnvOptions Parse(std::vector<std::string> words) { return ParseEnvOptions(words); }

TEST(ParseEnvOptionsTest, TheFormOfAValueDecidesItsKind) {
  const envs::EnvOptions options =
      Parse({"a=true", "b=false", "c=-1.5e2", "d=[0.8, 2]", "e=torso", "f=", "g=[1,2", "h=x=1"});
  EXPECT_TRUE(std::get<bool>(options.at("a")));
  EXPECT_FALSE(std::get<bool>(options.at("b")));
  EXPECT_EQ(std::get<double>(options.at("c")), -150.0);
  EXPECT_EQ(std::get<envs::Interval>(options.at("d")).low, 0.8);
  EXPECT_EQ(std::get<envs::Interval>(options.at("d")).high, 2.0);
  EXPECT_EQ(std::get<std::string>(options.at("e")), "torso");
  EXPECT_EQ(std::get<std::string>(options.at("f")), "");
  EXPECT_EQ(std::get<std::string>(options.at("g")), "[1,2");
  EXPECT_EQ(std::get<std::string>(options.at("h")), "x=1");
}

TEST(ParseEnvOptionsTest, AnIntervalMayBeWithoutEnd) {
  const envs::EnvOptions options = Parse({"range=[-inf, inf]"});
  EXPECT_EQ(std::get<envs::Interval>(options.at("range")).low,
            -std::numeric_limits<double>::infinity());
}

TEST(ParseEnvOptionsTest, RefusesWordsWithoutAKeyAndKeysGivenTwice) {
  EXPECT_EQ(MessageOf<ConfigError>([] { Parse({"frame_skip"}); }),
            "--option frame_skip: is not of the form key=value, as in frame_skip=2");
  EXPECT_EQ(MessageOf<ConfigError>([] { Parse({"=2"}); }),
            "--option =2: is not of the form key=value, as in frame_skip=2");
  EXPECT_EQ(MessageOf<ConfigError>([] {
              Parse({"a=1", "a=2"});
            }),
            "--option a=2: the option was given before; allowed is once");
}

}  // namespace
}  // namespace duet::runners
