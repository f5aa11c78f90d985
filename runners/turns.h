// Timing of several things that take turns, so that whatever else the machine does meets all of
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace duet::runners {

// One of the things that are timed.
struct Side {
  std::string name;
  std::function<void()> call;
  std::function<void()> prepare = {};  // before each call, not timed
  std::vector<double> seconds = {};    // per call, one number per round

  // Median over the rounds, of a call.
  double MedianSeconds() const;
};

// Lets every side run once to warm up, and then in turns, for about `seconds` a side and round.
void TakeTurns(std::vector<Side>& sides, std::int64_t rounds, double seconds);

// Median over the rounds of the time of `over` / the time of `of`.
double MedianRatio(const Side& over, const Side& of);

}  // namespace duet::runners
