#include "runners/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "core/error.h"
#include "core/file.h"

namespace duet::runners {
namespace {

ScoreSummary SummarizeScores(const std::vector<double>& per_seed) {
  return {.per_seed = per_seed,
          .iqm = BootstrapInterquartileMean(per_seed),
          .median = Median(per_seed),
          .mean = Mean(per_seed)};
}

// From the first environment step on, so that a curve that starts late, after a teacher's training,
// counts the wait at the height of its untrained student.
double AreaFromZero(std::vector<double> xs, std::vector<double> ys) {
  if (xs.front() > 0.0) {
    xs.insert(xs.begin(), 0.0);
    ys.insert(ys.begin(), ys.front());
  }
  return AreaUnderCurve(xs, ys);
}

}  // namespace

double Score(const MethodResult& method, const std::vector<double>& returns_of_learners) {
  if (method.kind == "teacher" && !returns_of_learners.empty()) return returns_of_learners.back();
  return Mean(returns_of_learners);
}

Curve TrainingCurve(const MethodResult& method) {
  Curve curve;
  curve.scores.resize(method.seeds.size());
  for (const EvaluationPoint& point : method.evaluations) {
    if (point.phase != "training") continue;
    if (point.returns.size() != method.seeds.size()) {
      throw Error(fmt::format(
          "{}: the evaluation at {} environment steps has {} seeds, {} expected", method.name,
          point.env_steps_total, point.returns.size(), method.seeds.size()));
    }
    curve.env_steps_total.push_back(static_cast<double>(point.env_steps_total));
    curve.env_steps_per_learner.push_back(static_cast<double>(point.env_steps_per_learner));
    for (std::size_t seed = 0; seed < point.returns.size(); ++seed) {
      for (const double value : point.returns[seed]) {
        if (std::isfinite(value)) continue;
        throw NonFiniteError(fmt::format(
            "{}: the return of seed {} at {} environment steps is {}, a finite number is needed",
            method.name, method.seeds[seed], point.env_steps_total, value));
      }
      curve.scores[seed].push_back(Score(method, point.returns[seed]));
    }
  }
  if (curve.env_steps_total.empty() || curve.scores.empty()) {
    throw Error(
        fmt::format("{}: no evaluation in phase \"training\", at least 1 is needed", method.name));
  }
  return curve;
}

const MethodResult* Baseline(const ComparisonResult& comparison) {
  const MethodResult* first_of_kind = nullptr;
  for (const MethodResult& method : comparison.methods) {
    if (method.name == "alone") return &method;
    if (first_of_kind == nullptr && method.kind == "alone") first_of_kind = &method;
  }
  return first_of_kind;
}

std::vector<MethodSummary> Summarize(const ComparisonResult& comparison) {
  std::vector<MethodSummary> summaries;
  for (const MethodResult& method : comparison.methods) {
    const Curve curve = TrainingCurve(method);
    std::vector<double> final_scores, best_scores, areas;
    for (const std::vector<double>& scores : curve.scores) {
      final_scores.push_back(scores.back());
      best_scores.push_back(*std::max_element(scores.begin(), scores.end()));
      areas.push_back(AreaFromZero(curve.env_steps_total, scores));
    }
    summaries.push_back({.final_return = SummarizeScores(final_scores),
                         .best_return = SummarizeScores(best_scores),
                         .area_under_curve = SummarizeScores(areas),
                         .improvement = std::nullopt});
  }
  if (const MethodResult* baseline = Baseline(comparison)) {
    const auto index = static_cast<std::size_t>(baseline - comparison.methods.data());
    for (std::size_t i = 0; i < summaries.size(); ++i) {
      if (i == index) continue;
      summaries[i].improvement = Improvement{
          .over = baseline->name,
          .probability = BootstrapProbabilityOfImprovement(summaries[i].final_return.per_seed,
                                                           summaries[index].final_return.per_seed)};
    }
  }
  return summaries;
}

std::string FormatCount(std::int64_t count) {
  const std::string digits = fmt::format("{}", count);
  const std::size_t sign = count < 0 ? 1 : 0;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > sign && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string FormatScore(double score) {
  const double size = std::abs(score);
  if (size >= 1e15) return fmt::format("{:.3e}", score);
  if (size >= 9999.5) return FormatCount(std::llround(score));
  if (size >= 999.95) return fmt::format("{:.0f}", score);
  const int decimals = size >= 99.995 ? 1 : (size >= 0.9995 ? 2 : 3);
  std::string text = fmt::format("{:.{}f}", score, decimals);
  return text.find_first_not_of("-0.") == std::string::npos ? "0" : text;
}

std::string FormatScore(const Estimate& estimate) {
  if (!estimate.has_interval) return FormatScore(estimate.value) + " [n/a]";
  return fmt::format("{} [{}, {}]", FormatScore(estimate.value), FormatScore(estimate.low),
                     FormatScore(estimate.high));
}

std::string FormatProbability(const Estimate& estimate) {
  if (!estimate.has_interval) return fmt::format("{:.2f} [n/a]", estimate.value);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", estimate.value, estimate.low, estimate.high);
}

std::string Verdict(const MethodResult& method, const MethodSummary& summary) {
  const std::size_t seeds = summary.final_return.per_seed.size();
  std::string text = fmt::format("{}: IQM {}", method.name, FormatScore(summary.final_return.iqm));
  if (summary.improvement) {
    const Improvement& improvement = *summary.improvement;
    text += fmt::format("; better than {} with probability {}", improvement.over,
                        FormatProbability(improvement.probability));
    if (!improvement.probability.has_interval) {
      text += ": one seed shows no difference";
    } else if (improvement.probability.low > 0.5) {
      text += ": the interval lies above 0.5";
    } else if (improvement.probability.high < 0.5) {
      text += ": the interval lies below 0.5";
    } else {
      text += ": the interval includes 0.5, so no difference is shown";
    }
    if (improvement.probability.has_interval && seeds < 5) {
      text += fmt::format(" ({} seed{} {} few)", seeds, seeds == 1 ? "" : "s",
                          seeds == 1 ? "is" : "are");
    }
  }
  return text + ".";
}

std::string Fingerprint(const ComparisonResult& comparison) {
  core::Sha256 digest;
  // Lengths stand before their content, so that different results are different byte strings.
  const auto add_count = [&](std::size_t count) { digest.Update(fmt::format("{};", count)); };
  const auto add_text = [&](const std::string& text) {
    add_count(text.size());
    digest.Update(text);
  };
  add_count(comparison.methods.size());
  for (const MethodResult& method : comparison.methods) {
    add_text(method.name);
    add_text(method.parameters_sha256);
    add_count(method.evaluations.size());
    for (const EvaluationPoint& point : method.evaluations) {
      add_count(point.returns.size());
      for (const std::vector<double>& learners : point.returns) {
        add_count(learners.size());
        digest.Update(std::as_bytes(std::span(learners)));
      }
    }
  }
  return digest.HexDigest();
}

}  // namespace duet::runners
