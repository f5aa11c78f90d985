#include "runners/best_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace duet::runners {
namespace {

using ::testing::ElementsAre;

using Path = std::vector<std::size_t>;

// Scores of a path's steps, the last one first: what a better path is better by.
std::vector<double> Worth(const Path& path, const std::vector<std::vector<double>>& scores) {
  std::vector<double> worth;
  for (std::size_t i = path.size() - 1; i > 0; --i) worth.push_back(scores[path[i]][path[i - 1]]);
  return worth;
}

// The best of all paths from 0 to `student`, by trying each.
Path Tried(std::size_t student, const std::vector<std::vector<double>>& scores) {
  Path best;
  for (std::size_t between = 0; between < (std::size_t{1} << (student - 1)); ++between) {
    Path path = {0};
    for (std::size_t network = 1; network < student; ++network) {
      if ((between >> (network - 1) & 1) != 0) path.push_back(network);
    }
    path.push_back(student);
    if (best.empty() || Worth(path, scores) > Worth(best, scores)) best = path;
  }
  return best;
}

TEST(BestPathTest, IsWhatTryingEveryPathFinds) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform;
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<std::vector<double>> scores(6);
    for (std::size_t s = 1; s < scores.size(); ++s) {
      for (std::size_t t = 0; t < s; ++t) scores[s].push_back(uniform(random));
    }
    const std::vector<Path> paths = BestPaths(scores);
    ASSERT_EQ(paths.size(), 5U);
    for (std::size_t s = 1; s < scores.size(); ++s) EXPECT_EQ(paths[s - 1], Tried(s, scores));
  }
}

TEST(BestPathTest, ThereIsOneOfEveryLength) {
  EXPECT_TRUE(BestPaths({}).empty());
  EXPECT_TRUE(BestPaths({{}}).empty());
  EXPECT_THAT(BestPaths({{}, {0.5}}), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(BestPaths({{}, {0.5}, {0.7, 0.7}}),
              ElementsAre(ElementsAre(0, 1), ElementsAre(0, 2)));
}

}  // namespace
}  // namespace duet::runners
