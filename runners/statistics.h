// Statistics of a few scores per method: interquartile means, bootstrap intervals, probabilities of
// improvement, curves. Definitions and defaults are those of the package rliable (Agarwal et al.
// 2021, arXiv:2108.13264), so its numbers and these agree. Every function throws duet::Error that
// names the place of a score that is NaN or infinite.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace duet::runners {

// The points of an interval: 95 % of the bootstrap distribution lie in [low, high].
struct Estimate {
  double value = 0.0;
  double low = 0.0;
  double high = 0.0;
  // False where one score says nothing about spread; low and high equal value then.
  bool has_interval = false;
};

struct BootstrapOptions {
  std::int64_t resamples = 50'000;
  double confidence = 0.95;
  // Of the stream of resamples: equal scores and seeds give equal intervals.
  std::uint64_t seed = 0;
};

double Mean(std::span<const double> scores);
double Median(std::span<const double> scores);

// The mean with its 95 % interval by Student's t: for differences of a few seeds, where a bootstrap
// of so few is too narrow. One score has no interval.
Estimate MeanInterval(std::span<const double> scores);

// Mean of the scores left after a quarter of them, rounded down, is cut at each end. Up to three
// scores that is the mean.
double InterquartileMean(std::span<const double> scores);

// Interquartile mean over all scores [task][seed] with a percentile interval. Resamples are
// stratified: within each task its seeds are drawn with replacement.
Estimate BootstrapInterquartileMean(const std::vector<std::vector<double>>& scores,
                                    const BootstrapOptions& options = {});
// The same for one task.
Estimate BootstrapInterquartileMean(std::span<const double> scores,
                                    const BootstrapOptions& options = {});

// P(X > Y) + P(X = Y) / 2 over all pairs of a score of x and one of y (Mann-Whitney's U, scaled).
double ProbabilityOfImprovement(std::span<const double> x, std::span<const double> y);
// With a percentile interval; x and y are resampled independently.
Estimate BootstrapProbabilityOfImprovement(std::span<const double> x, std::span<const double> y,
                                           const BootstrapOptions& options = {});

// The value at `x` of the curve through the points (xs, ys): linear between them, held before the
// first and after the last. `xs` ascends; points of the same x count with the last.
double Interpolate(std::span<const double> xs, std::span<const double> ys, double x);
// The same at each point of a grid.
std::vector<double> Interpolate(std::span<const double> xs, std::span<const double> ys,
                                std::span<const double> grid);

// Area under the curve through (xs, ys) by trapezoids, divided by the range of xs: the mean height.
// For a range of zero, the last height. `xs` ascends.
double AreaUnderCurve(std::span<const double> xs, std::span<const double> ys);

}  // namespace duet::runners
