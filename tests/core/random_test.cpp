#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::core {
namespace {

std::vector<double> Draw(Rng& rng, int count) {
  std::vector<double> numbers;
  for (int i = 0; i < count; ++i) {
    numbers.push_back(rng.Uniform(0.0, 1.0));
    numbers.push_back(rng.Normal());
    numbers.push_back(static_cast<double>(rng.Index(1000)));
  }
  return numbers;
}

// Seeds and numbers may never change: saved results depend on them.
TEST(RandomTest, GivesKnownNumbers) {
  EXPECT_EQ(SplitSeed(0, "learner"), 4545829632836487248U);
  EXPECT_EQ(SplitSeed(12345, "replay", 7), 9355467070806986067U);
  Rng rng(42);
  EXPECT_EQ(rng.Uniform(-1.0, 1.0), 0.51031106590907793);
  EXPECT_DOUBLE_EQ(rng.Normal(), -0.80723593464514476);
  EXPECT_EQ(rng.Index(1'000'000), 752145);
}

// Beta(a, b) has mean a / (a + b) and variance a b / ((a + b)^2 (a + b + 1)).
TEST(RandomTest, BetaHasItsMeanAndVariance) {
  constexpr int kDraws = 20'000;
  Rng rng(11);
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double draw = rng.Beta(2.0, 3.0);
    ASSERT_GE(draw, 0.0);
    ASSERT_LE(draw, 1.0);
    sum += draw;
    squares += (draw - 0.4) * (draw - 0.4);
  }
  EXPECT_NEAR(sum / kDraws, 0.4, 0.006);
  EXPECT_NEAR(squares / kDraws, 0.04, 0.002);
}

TEST(RandomTest, StreamsOfOtherNamesIndicesAndSeedsDiffer) {
  std::set<std::uint64_t> seeds;
  int count = 0;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32, ~0ULL}) {
    for (const char* name : {"", "replay", "replay2", "reply", "environment"}) {
      for (const std::uint64_t index : {0ULL, 1ULL, 2ULL, 1ULL << 32}) {
        seeds.insert(SplitSeed(seed, name, index));
        ++count;
      }
    }
  }
  EXPECT_EQ(seeds.size(), static_cast<std::size_t>(count));
}

TEST(RandomTest, NeighbouringStreamsAreUncorrelated) {
  constexpr int kDraws = 20'000;
  Rng first(SplitSeed(0, "environment", 0)), second(SplitSeed(0, "environment", 1));
  double product = 0.0;
  for (int i = 0; i < kDraws; ++i) product += first.Normal() * second.Normal();
  EXPECT_LT(std::abs(product / kDraws), 4.0 / std::sqrt(kDraws));
}

TEST(RandomTest, ASavedStreamContinuesExactly) {
  Rng rng(7);
  Draw(rng, 321);
  Rng continued;
  continued.LoadState(rng.SaveState());
  EXPECT_EQ(Draw(continued, 1000), Draw(rng, 1000));
}

TEST(RandomTest, ADamagedStateIsAnErrorAndLeavesTheStream) {
  Rng rng(7);
  const std::string state = rng.SaveState();
  for (std::size_t size = 0; size < state.size(); size += 1 + size / 50) {
    EXPECT_THROW(rng.LoadState(state.substr(0, size)), IoError) << size;
  }
  EXPECT_THROW(rng.LoadState(state.substr(0, state.size() - 1)), IoError);
  EXPECT_THROW(rng.LoadState(state + " 1"), IoError);
  EXPECT_EQ(support::MessageOf<IoError>([&] { rng.LoadState("no numbers"); }),
            "random stream: the saved state is damaged");
  EXPECT_EQ(rng.SaveState(), state);
}

TEST(RandomTest, NumbersStayInTheirRange) {
  Rng rng(1);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const double number = rng.Uniform(-2.0, 3.0);
    EXPECT_GE(number, -2.0);
    EXPECT_LT(number, 3.0);
    seen.insert(rng.Index(5));
  }
  EXPECT_EQ(seen, (std::set<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(rng.Index(1), 0);
}

}  // namespace
}  // namespace duet::core
