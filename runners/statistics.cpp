#include "runners/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string_view>

#include "core/error.h"
#include "core/random.h"

namespace duet::runners {
namespace {

void CheckScores(std::span<const double> scores, std::string_view what) {
  if (scores.empty()) throw Error(fmt::format("{}: no score, at least 1 is needed", what));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i])) {
      throw NonFiniteError(fmt::format("{}: score {} of {} is {}, a finite number is needed", what,
                                       i + 1, scores.size(), scores[i]));
    }
  }
}

void CheckCurve(std::span<const double> xs, std::span<const double> ys, std::string_view what) {
  CheckScores(ys, what);
  if (xs.size() != ys.size()) {
    throw std::logic_error(fmt::format("{}: {} xs and {} ys", what, xs.size(), ys.size()));
  }
  if (!std::is_sorted(xs.begin(), xs.end())) {
    throw std::logic_error(fmt::format("{}: the xs must ascend", what));
  }
}

// Mean of what is left of sorted scores after a quarter, rounded down, is cut at each end.
double TrimmedMeanOfSorted(std::span<const double> sorted) {
  const std::size_t cut = sorted.size() / 4;
  double sum = 0.0;
  for (std::size_t i = cut; i < sorted.size() - cut; ++i) sum += sorted[i];
  const double mean = sum / static_cast<double>(sorted.size() - 2 * cut);
  // Rounding must not carry the mean of equal scores away from them.
  return std::clamp(mean, sorted[cut], sorted[sorted.size() - 1 - cut]);
}

// The p-quantile, linear between order statistics (type 7, the default of NumPy). Reorders
// `values`.
double Quantile(std::vector<double>& values, double p) {
  const double position = p * static_cast<double>(values.size() - 1);
  const auto index = static_cast<std::size_t>(position);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(values.begin(), nth, values.end());
  if (index + 1 == values.size()) return *nth;
  const double next = *std::min_element(nth + 1, values.end());
  return *nth + (next - *nth) * (position - static_cast<double>(index));
}

Estimate PercentileInterval(double value, std::vector<double>& statistics, double confidence) {
  const double tail = (1.0 - confidence) / 2.0;
  return {.value = value,
          .low = Quantile(statistics, tail),
          .high = Quantile(statistics, 1.0 - tail),
          .has_interval = true};
}

// `times[i]`: how often the i-th score is drawn in a resample.
void DrawTimes(core::Rng& rng, std::vector<std::int64_t>& times) {
  std::fill(times.begin(), times.end(), 0);
  const auto count = static_cast<std::int64_t>(times.size());
  for (std::int64_t i = 0; i < count; ++i) ++times[static_cast<std::size_t>(rng.Index(count))];
}

std::vector<double> Sorted(std::span<const double> scores) {
  std::vector<double> sorted(scores.begin(), scores.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

double Mean(std::span<const double> scores) {
  CheckScores(scores, "mean");
  double sum = 0.0;
  for (const double score : scores) sum += score;
  return sum / static_cast<double>(scores.size());
}

Estimate MeanInterval(std::span<const double> scores) {
  const double mean = Mean(scores);
  const auto count = static_cast<double>(scores.size());
  if (scores.size() < 2) return {.value = mean, .low = mean, .high = mean};
  double squares = 0.0;
  for (const double score : scores) squares += (score - mean) * (score - mean);
  const double error = std::sqrt(squares / (count - 1.0) / count);
  const boost::math::students_t distribution(count - 1.0);
  const double reach = boost::math::quantile(distribution, 0.975) * error;
  return {.value = mean, .low = mean - reach, .high = mean + reach, .has_interval = true};
}

double Median(std::span<const double> scores) {
  CheckScores(scores, "median");
  const std::vector<double> sorted = Sorted(scores);
  const std::size_t middle = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2.0;
}

double InterquartileMean(std::span<const double> scores) {
  CheckScores(scores, "interquartile mean");
  return TrimmedMeanOfSorted(Sorted(scores));
}

Estimate BootstrapInterquartileMean(const std::vector<std::vector<double>>& scores,
                                    const BootstrapOptions& options) {
  // All scores in ascending order, each with the task and the place within the task it comes from:
  // a resample is then in order too, and needs no sorting of its own.
  struct Entry {
    double score;
    std::size_t task;
    std::size_t place;
  };
  std::vector<Entry> entries;
  std::vector<std::vector<std::int64_t>> times;  // [task][place]
  bool has_interval = false;
  for (std::size_t task = 0; task < scores.size(); ++task) {
    CheckScores(scores[task], fmt::format("interquartile mean, task {}", task + 1));
    for (std::size_t place = 0; place < scores[task].size(); ++place) {
      entries.push_back({scores[task][place], task, place});
    }
    times.emplace_back(scores[task].size());
    has_interval = has_interval || scores[task].size() > 1;
  }
  if (entries.empty()) throw Error("interquartile mean: no score, at least 1 is needed");
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.score < b.score; });

  std::vector<double> sample;
  for (const Entry& entry : entries) sample.push_back(entry.score);
  const double value = TrimmedMeanOfSorted(sample);
  if (!has_interval) return {.value = value, .low = value, .high = value, .has_interval = false};

  core::Rng rng(core::SplitSeed(options.seed, "bootstrap.interquartile_mean"));
  std::vector<double> statistics(static_cast<std::size_t>(options.resamples));
  for (double& statistic : statistics) {
    for (std::vector<std::int64_t>& of_task : times) DrawTimes(rng, of_task);
    std::size_t size = 0;
    for (const Entry& entry : entries) {
      for (std::int64_t i = times[entry.task][entry.place]; i > 0; --i) {
        sample[size++] = entry.score;
      }
    }
    statistic = TrimmedMeanOfSorted(sample);
  }
  return PercentileInterval(value, statistics, options.confidence);
}

Estimate BootstrapInterquartileMean(std::span<const double> scores,
                                    const BootstrapOptions& options) {
  CheckScores(scores, "interquartile mean");
  return BootstrapInterquartileMean(
      std::vector<std::vector<double>>{{scores.begin(), scores.end()}}, options);
}

double ProbabilityOfImprovement(std::span<const double> x, std::span<const double> y) {
  CheckScores(x, "probability of improvement");
  CheckScores(y, "probability of improvement, baseline");
  double wins = 0.0;
  for (const double a : x) {
    for (const double b : y) wins += a > b ? 1.0 : (a == b ? 0.5 : 0.0);
  }
  return wins / static_cast<double>(x.size() * y.size());
}

Estimate BootstrapProbabilityOfImprovement(std::span<const double> x, std::span<const double> y,
                                           const BootstrapOptions& options) {
  const double value = ProbabilityOfImprovement(x, y);
  if (x.size() == 1 && y.size() == 1) {
    return {.value = value, .low = value, .high = value, .has_interval = false};
  }
  std::vector<std::int64_t> halves;  // twice the outcome of each pair, [x][y]
  for (const double a : x) {
    for (const double b : y) halves.push_back(a > b ? 2 : (a == b ? 1 : 0));
  }
  core::Rng rng(core::SplitSeed(options.seed, "bootstrap.probability_of_improvement"));
  std::vector<std::int64_t> x_times(x.size());
  std::vector<std::int64_t> y_times(y.size());
  std::vector<double> statistics(static_cast<std::size_t>(options.resamples));
  for (double& statistic : statistics) {
    DrawTimes(rng, x_times);
    DrawTimes(rng, y_times);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x_times[i] == 0) continue;
      std::int64_t row = 0;
      for (std::size_t j = 0; j < y.size(); ++j) row += y_times[j] * halves[i * y.size() + j];
      sum += x_times[i] * row;
    }
    statistic = static_cast<double>(sum) / (2.0 * static_cast<double>(x.size() * y.size()));
  }
  return PercentileInterval(value, statistics, options.confidence);
}

double Interpolate(std::span<const double> xs, std::span<const double> ys, double x) {
  CheckCurve(xs, ys, "curve");
  const auto after = std::upper_bound(xs.begin(), xs.end(), x);
  if (after == xs.begin()) return ys.front();
  if (after == xs.end()) return ys.back();
  const auto i = static_cast<std::size_t>(after - xs.begin());
  const double share = (x - xs[i - 1]) / (xs[i] - xs[i - 1]);
  return ys[i - 1] + share * (ys[i] - ys[i - 1]);
}

std::vector<double> Interpolate(std::span<const double> xs, std::span<const double> ys,
                                std::span<const double> grid) {
  std::vector<double> values;
  values.reserve(grid.size());
  for (const double x : grid) values.push_back(Interpolate(xs, ys, x));
  return values;
}

double AreaUnderCurve(std::span<const double> xs, std::span<const double> ys) {
  CheckCurve(xs, ys, "area under the curve");
  const double range = xs.back() - xs.front();
  if (range == 0.0) return ys.back();
  double area = 0.0;
  for (std::size_t i = 1; i < xs.size(); ++i) {
    area += (xs[i] - xs[i - 1]) * (ys[i] + ys[i - 1]) / 2.0;
  }
  return area / range;
}

}  // namespace duet::runners
