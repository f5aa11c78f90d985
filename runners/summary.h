// What a comparison says: scores per seed, their statistics, and its fingerprint. The table, the
// report and summary.json all show these numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runners/results.h"
#include "runners/statistics.h"

namespace duet::runners {

// One score per seed and what it comes to.
struct ScoreSummary {
  std::vector<double> per_seed;
  Estimate iqm;
  double median = 0.0;
  double mean = 0.0;
};

// Probability that a seed of this method ends higher than a seed of the method `over`.
struct Improvement {
  std::string over;
  Estimate probability;
};

struct MethodSummary {
  ScoreSummary final_return;               // at the last evaluation of phase "training"
  ScoreSummary best_return;                // the highest over those evaluations
  ScoreSummary area_under_curve;           // mean height of the curve over total env steps
  std::optional<Improvement> improvement;  // absent for the baseline and where there is none
};

// A learning curve: the score of each seed at each evaluation of phase "training".
struct Curve {
  std::vector<double> env_steps_total;
  std::vector<double> env_steps_per_learner;
  std::vector<std::vector<double>> scores;  // [seed][point]
};

// The score of one seed: the mean over its learners; of a teacher and its student, the student's,
// which is the last of them.
double Score(const MethodResult& method, const std::vector<double>& returns_of_learners);

// Throws Error where a method has no evaluation in phase "training".
Curve TrainingCurve(const MethodResult& method);

// The method that the others are measured against: the one named "alone", else the first of that
// kind, else null.
const MethodResult* Baseline(const ComparisonResult& comparison);

// One summary per method, in order.
std::vector<MethodSummary> Summarize(const ComparisonResult& comparison);

// One sentence on a method, in plain words: its final return with its interval, and what the
// comparison with the baseline shows or fails to show.
std::string Verdict(const MethodResult& method, const MethodSummary& summary);

// "812.4", "10,321", "0.053".
std::string FormatScore(double score);
// "812.4 [640.1, 930.0]"; without an interval "812.4 [n/a]".
std::string FormatScore(const Estimate& estimate);
// "0.64 [0.30, 0.92]".
std::string FormatProbability(const Estimate& estimate);
// "1,234,567".
std::string FormatCount(std::int64_t count);

// SHA-256 over the names, final parameters and all evaluation returns of the methods: equal for
// equal runs, however long they took.
std::string Fingerprint(const ComparisonResult& comparison);

}  // namespace duet::runners
