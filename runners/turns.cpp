#include "runners/turns.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace duet::runners {
namespace {

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double SecondsPerCall(const Side& side, std::int64_t calls) {
  using Clock = std::chrono::steady_clock;
  double sum = 0.0;
  const auto time = [&](std::int64_t count) {
    const Clock::time_point start = Clock::now();
    for (std::int64_t i = 0; i < count; ++i) side.call();
    sum += std::chrono::duration<double>(Clock::now() - start).count();
  };
  if (!side.prepare) {
    time(calls);
  } else {
    for (std::int64_t i = 0; i < calls; ++i) {
      side.prepare();
      time(1);
    }
  }
  return sum / static_cast<double>(calls);
}

}  // namespace

double Side::MedianSeconds() const { return Median(seconds); }

void TakeTurns(std::vector<Side>& sides, std::int64_t rounds, double seconds) {
  std::vector<std::int64_t> calls;
  for (const Side& side : sides) {
    SecondsPerCall(side, 1);  // warm
    calls.push_back(std::max<std::int64_t>(1, std::llround(seconds / SecondsPerCall(side, 2))));
  }
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      sides[i].seconds.push_back(SecondsPerCall(sides[i], calls[i]));
    }
  }
}

double MedianRatio(const Side& over, const Side& of) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < of.seconds.size(); ++i) {
    ratios.push_back(over.seconds[i] / of.seconds[i]);
  }
  return Median(ratios);
}

}  // namespace duet::runners
