#include "core/numpy_random.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::core {
namespace {

using Json = nlohmann::json;

// Written by tests/reference/generate_numpy_random.py, which also says what they mean.
const Json& Reference() {
  static const Json reference =
      Json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/reference/numpy_random.json"));
  return reference;
}

// Draw `index` of the reference, as a 64-bit pattern.
std::uint64_t Draw(NumpyRng& rng, std::size_t index) {
  static const auto ranges = Reference().at("ranges").get<std::vector<std::vector<std::int64_t>>>();
  const std::size_t kind = (index * index + index / 5) % (4 + ranges.size());
  if (kind == 0) return std::bit_cast<std::uint64_t>(rng.Uniform(-1.5, 2.25));
  if (kind <= 3) return std::bit_cast<std::uint64_t>(rng.Normal());
  return static_cast<std::uint64_t>(rng.Integer(ranges[kind - 4][0], ranges[kind - 4][1]));
}

std::uint64_t BitsOf(const Json& number) {
  if (number.is_string()) {
    return std::bit_cast<std::uint64_t>(std::strtod(number.get<std::string>().c_str(), nullptr));
  }
  return static_cast<std::uint64_t>(number.get<std::int64_t>());
}

std::vector<std::uint64_t> Draws(NumpyRng& rng, std::size_t count) {
  std::vector<std::uint64_t> draws;
  for (std::size_t i = 0; i < count; ++i) draws.push_back(Draw(rng, i));
  return draws;
}

TEST(NumpyRandomTest, GivesTheFirstNumbersOfNumpy) {
  for (const Json& reference : Reference().at("cases")) {
    NumpyRng rng(reference.at("seed").get<std::uint64_t>());
    std::size_t index = 0;
    for (const Json& number : reference.at("first")) {
      EXPECT_EQ(Draw(rng, index), BitsOf(number)) << reference.at("seed") << " draw " << index;
      ++index;
    }
  }
}

TEST(NumpyRandomTest, GivesManyNumbersOfNumpy) {
  for (const Json& reference : Reference().at("cases")) {
    NumpyRng rng(reference.at("seed").get<std::uint64_t>());
    std::uint64_t digest = 0;
    for (std::size_t i = 0; i < Reference().at("draws"); ++i) digest += Draw(rng, i) * (2 * i + 1);
    EXPECT_EQ(digest, reference.at("digest").get<std::uint64_t>()) << reference.at("seed");
  }
}

TEST(NumpyRandomTest, OneOutcomeDrawsNothing) {
  NumpyRng rng(3);
  const std::string before = rng.SaveState();
  EXPECT_EQ(rng.Integer(-7, -6), -7);
  EXPECT_EQ(rng.SaveState(), before);
}

TEST(NumpyRandomTest, AnEmptyRangeIsAnError) {
  NumpyRng rng;
  EXPECT_THROW(rng.Integer(2, 2), std::invalid_argument);
  EXPECT_THROW(rng.Integer(2, std::numeric_limits<std::int64_t>::min()), std::invalid_argument);
}

TEST(NumpyRandomTest, SeedingStartsAnew) {
  NumpyRng rng(1);
  Draws(rng, 8);
  rng.Integer(0, 2);
  rng.Seed(12345);
  NumpyRng fresh(12345);
  EXPECT_EQ(Draws(rng, 100), Draws(fresh, 100));
}

TEST(NumpyRandomTest, ASavedStreamContinuesExactly) {
  for (const std::size_t count : {0, 1, 5, 6, 7, 8, 321}) {  // with and without a half in store
    NumpyRng rng(7);
    Draws(rng, count);
    NumpyRng continued(99);
    continued.LoadState(rng.SaveState());
    EXPECT_EQ(Draws(continued, 1000), Draws(rng, 1000)) << count;
  }
}

TEST(NumpyRandomTest, ADamagedStateIsAnErrorAndLeavesTheStream) {
  NumpyRng rng(7);
  rng.Integer(0, 2);
  const std::string state = rng.SaveState();
  for (std::size_t size = 0; size < state.size(); ++size) {
    EXPECT_THROW(rng.LoadState(state.substr(0, size)), IoError) << size;
  }
  for (const std::string& text : {state + " 1", " " + state, "-" + state, "0" + state}) {
    EXPECT_THROW(rng.LoadState(text), IoError) << text;
  }
  EXPECT_THROW(rng.LoadState("1 2 3 4 0 0;"), IoError);  // an even increment is no stream
  EXPECT_THROW(rng.LoadState("1 2 3 5 2 0;"), IoError);
  EXPECT_THROW(rng.LoadState("1 2 3 5 1 4294967296;"), IoError);
  EXPECT_EQ(support::MessageOf<IoError>([&] { rng.LoadState("no numbers"); }),
            "random stream: the saved state is damaged");
  EXPECT_EQ(rng.SaveState(), state);
}

}  // namespace
}  // namespace duet::core
