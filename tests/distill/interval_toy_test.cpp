// The one-dimensional toy of scaffolded distillation (DiSK, ICLR 2023, the authors' poster): a
// teacher that sees two blue intervals on a line of red, and a student that can be blue on one
// interval alone. Descent gets stuck; help within a budget moves the share of starts that reach the
// best place.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace duet::distill {
namespace {

struct Point {
  double x, mass;
  bool blue;
};

// Blue on [2, 3] and [5, 7] with masses 0.1333 and 0.3333; red between with 0.1667 and outside.
std::vector<Point> Line() {
  struct Piece {
    double from, to, mass;
    bool blue;
  };
  constexpr double kOutside = 1.0 - 0.4 / 3.0 - 1.0 / 3.0 - 0.5 / 3.0;
  const std::array<Piece, 5> pieces = {{{0.0, 2.0, kOutside * 0.4, false},
                                        {2.0, 3.0, 0.4 / 3.0, true},
                                        {3.0, 5.0, 0.5 / 3.0, false},
                                        {5.0, 7.0, 1.0 / 3.0, true},
                                        {7.0, 10.0, kOutside * 0.6, false}}};
  std::vector<Point> points;
  for (const Piece& piece : pieces) {
    const int count = static_cast<int>(std::lround(20.0 * (piece.to - piece.from)));
    for (int i = 0; i < count; ++i) {
      points.push_back({.x = piece.from + (piece.to - piece.from) * (i + 0.5) / count,
                        .mass = piece.mass / count,
                        .blue = piece.blue});
    }
  }
  return points;
}

double LogSigmoid(double z) {
  return z < 0.0 ? z - std::log1p(std::exp(z)) : -std::log1p(std::exp(-z));
}

// log of the probability that a student, blue on [start, end] with soft edges, gives to a
// point's colour.
double LogRight(const Point& point, double start, double end) {
  constexpr double kSharpness = 8.0;
  const double log_blue =
      LogSigmoid(kSharpness * (point.x - start)) + LogSigmoid(kSharpness * (end - point.x));
  if (point.blue) return log_blue;
  return std::log(std::max(-std::expm1(log_blue), 1e-300));
}

// What a point costs, cut off as the scaffold's most_cross_entropy does: a mistake far from an edge
// is no worse than one beside it.
double Cost(const Point& point, double start, double end) {
  return std::min(-LogRight(point, start, end), 5.0);
}

// min over help g in [0, 1] of -E log(s + g) with E g (-log s) <= budget: where the budget binds,
// g = 1 / (price * -log s) - s, cut to [0, 1], at the price that spends it.
double Loss(const std::vector<Point>& line, double start, double end, double budget) {
  std::vector<double> cost;
  cost.reserve(line.size());
  for (const Point& point : line) cost.push_back(Cost(point, start, end));
  const auto help = [&](std::size_t i, double price) {
    return std::clamp(1.0 / (price * std::max(cost[i], 1e-12)) - std::exp(-cost[i]), 0.0, 1.0);
  };
  const auto spent = [&](double price) {
    double sum = 0.0;
    for (std::size_t i = 0; i < line.size(); ++i) sum += line[i].mass * help(i, price) * cost[i];
    return sum;
  };
  double price = 1e12;
  if (budget > 0.0) {
    double low = 1e-6, high = 1e9;
    for (int i = 0; i < 60; ++i) {
      const double middle = std::sqrt(low * high);
      (spent(middle) > budget ? low : high) = middle;
    }
    price = high;
  }
  double loss = 0.0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const double right = std::exp(-cost[i]) + help(i, price);
    loss += line[i].mass * (right > 1e-200 ? -std::log(right) : cost[i]);
  }
  return loss;
}

constexpr int kStarts = 73, kEnds = 72;

// The loss over a grid of students, [start][end], and where descent on it ends.
class Surface {
 public:
  explicit Surface(double budget) : losses_(static_cast<std::size_t>(kStarts * kEnds)) {
    const std::vector<Point> line = Line();
    for (int i = 0; i < kStarts; ++i) {
      for (int j = 0; j < kEnds; ++j) at(i, j) = Loss(line, Start(i), End(j), budget);
    }
  }
  static double Start(int i) { return 9.0 * i / (kStarts - 1); }
  static double End(int j) { return 1.0 + 9.0 * j / (kEnds - 1); }

  // Minima inside the grid, the best first.
  std::vector<std::array<int, 2>> Minima() const {
    std::vector<std::array<int, 2>> minima;
    for (int i = 0; i < kStarts; ++i) {
      for (int j = 0; j < kEnds; ++j) {
        // Below its bound an interval has nothing to learn from: no minimum is there.
        if (IsInterval(i + 2, j - 2) && Lower(i, j) == std::array<int, 2>{i, j})
          minima.push_back({i, j});
      }
    }
    std::ranges::sort(minima, {}, [&](const auto& at) { return Get(at[0], at[1]); });
    return minima;
  }

  // Share of the grid's students from which descent ends at the best minimum.
  double ShareReaching(const std::array<int, 2>& goal) const {
    int reached = 0, tried = 0;
    for (int i = 0; i < kStarts; ++i) {
      for (int j = 0; j < kEnds; ++j) {
        if (!IsInterval(i, j)) continue;
        ++tried;
        std::array<int, 2> place = {i, j};
        for (std::array<int, 2> next = Lower(i, j); next != place;
             next = Lower(place[0], place[1])) {
          place = next;
        }
        reached += place == goal ? 1 : 0;
      }
    }
    return static_cast<double>(reached) / tried;
  }

 private:
  // Students that are blue somewhere.
  static bool IsInterval(int i, int j) { return End(j) > Start(i) + 0.2; }

  double& at(int i, int j) { return losses_[static_cast<std::size_t>(i * kEnds + j)]; }
  double Get(int i, int j) const { return losses_[static_cast<std::size_t>(i * kEnds + j)]; }

  // The lowest of a place and its neighbours.
  std::array<int, 2> Lower(int i, int j) const {
    std::array<int, 2> lowest = {i, j};
    for (int a = std::max(0, i - 1); a <= std::min(kStarts - 1, i + 1); ++a) {
      for (int b = std::max(0, j - 1); b <= std::min(kEnds - 1, j + 1); ++b) {
        if (IsInterval(a, b) && Get(a, b) < Get(lowest[0], lowest[1])) lowest = {a, b};
      }
    }
    return lowest;
  }

  std::vector<double> losses_;
};

// Share of mass on which the student that is blue on exactly [from, to] is right.
double HardAccuracy(double from, double to) {
  double right = 0.0;
  for (const Point& point : Line()) {
    const bool blue = point.x >= from && point.x <= to;
    right += blue == point.blue ? point.mass : 0.0;
  }
  return right;
}

TEST(IntervalToyTest, ThreeIntervalsAreRightInThePublishedShares) {
  EXPECT_NEAR(HardAccuracy(2.0, 3.0), 0.667, 0.001);
  EXPECT_NEAR(HardAccuracy(2.0, 7.0), 0.833, 0.001);
  EXPECT_NEAR(HardAccuracy(5.0, 7.0), 0.867, 0.001);
}

TEST(IntervalToyTest, DistillationHasExactlyTheseThreeMinima) {
  const auto minima = Surface(0.0).Minima();
  ASSERT_EQ(minima.size(), 3U);
  const auto interval = [&](std::size_t i) {
    const double start = Surface::Start(minima[i][0]);
    return std::array{start, Surface::End(minima[i][1])};
  };
  std::vector<std::array<double, 2>> intervals = {interval(0), interval(1), interval(2)};
  EXPECT_NEAR(intervals[0][0], 5.0, 0.6);
  EXPECT_NEAR(intervals[0][1], 7.0, 0.6);
  std::ranges::sort(intervals);
  EXPECT_NEAR(intervals[0][0], 2.0, 0.6);
  EXPECT_NEAR(intervals[1][0], 2.0, 0.6);
}

// The poster shows one minimum left, with a guide of its own. With the help that is best for each
// point, all three stay; what changes is how many starts reach the best, and that is little here.
TEST(IntervalToyTest, HelpWithinABudgetLeavesTheThreeMinima) {
  for (const double budget : {0.0, 0.05, 0.2, 0.4}) {
    const Surface surface(budget);
    const auto minima = surface.Minima();
    ASSERT_EQ(minima.size(), 3U) << budget;
    const double share = surface.ShareReaching(minima.front());
    std::printf("budget %g: %.1f %% of the starts reach the best place\n", budget, 100.0 * share);
    EXPECT_NEAR(share, 0.44, 0.08);
  }
}

}  // namespace
}  // namespace duet::distill
