#include "runners/task_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "core/file.h"
#include "runners/console.h"
#include "runners/summary.h"
#include "runners/text.h"

namespace duet::runners {
namespace {

constexpr std::size_t kTableColumns = 100;
constexpr std::size_t kLongestName = 20;

// "328k" parameters.
std::string ShortSize(std::int64_t count) {
  if (count < 1000) return fmt::format("{}", count);
  if (count < 999'500) return fmt::format("{:.3g}k", static_cast<double>(count) / 1e3);
  return fmt::format("{:.3g}M", static_cast<double>(count) / 1e6);
}

// The mean of a metric without its interval; "-" where there is none.
std::string MeanText(const ModelResult& model, const std::string& metric, int decimals) {
  const double mean = MetricEstimate(model, Snapshot::kLast, metric).value;
  return std::isnan(mean) ? "-" : fmt::format("{:.{}f}", mean, decimals);
}

std::vector<std::vector<std::string>> Rows(const TaskResult& task) {
  std::vector<std::vector<std::string>> rows = {
      {"", "", "test accuracy %", "chosen by", "agree", "", "", "", ""},
      {"model", "params", "last epoch [95 %]", "validation [95 %]", "%", "KL", "NLL", "ECE", "DS"}};
  for (const ModelResult& model : task.models) {
    const auto accuracy = [&](Snapshot snapshot) {
      return FormatEstimate(MetricEstimate(model, snapshot, "test_accuracy"), 1);
    };
    rows.push_back({Clip(model.name, kLongestName), ShortSize(model.parameters),
                    accuracy(Snapshot::kLast), accuracy(Snapshot::kSelected),
                    MeanText(model, "test_agreement", 1), MeanText(model, "test_kl", 3),
                    MeanText(model, "test_nll", 3), MeanText(model, "test_ece", 1),
                    MeanText(model, "distillation_score", 3)});
  }
  return rows;
}

std::string Align(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string table;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line = PadRight(rows[r][0], widths[0]);
    for (std::size_t i = 1; i < widths.size(); ++i) line += "  " + PadLeft(rows[r][i], widths[i]);
    table += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (r == 1) table += std::string(Width(line), '-') + "\n";
  }
  return table;
}

// Adds to a digest with lengths before contents, so that different results are different bytes.
class ResultDigest {
 public:
  void Count(std::size_t count) { digest_.Update(fmt::format("{};", count)); }
  void Text(const std::string& text) {
    Count(text.size());
    digest_.Update(text);
  }
  void Numbers(std::vector<double> numbers) {
    Count(numbers.size());
    // NaNs of all kinds are the same: files keep that it is one, no more.
    for (double& number : numbers) number = std::isnan(number) ? std::nan("") : number;
    digest_.Update(std::as_bytes(std::span(numbers)));
  }
  void Metrics(const std::map<std::string, PerSeed>& metrics) {
    Count(metrics.size());
    for (const auto& [name, values] : metrics) {
      Text(name);
      Numbers(values);
    }
  }
  std::string Hex() { return digest_.HexDigest(); }

 private:
  core::Sha256 digest_;
};

}  // namespace

Estimate MetricEstimate(const ModelResult& model, Snapshot snapshot, const std::string& metric) {
  const auto& metrics = model.metrics(snapshot);
  const auto found = metrics.find(metric);
  const bool usable = found != metrics.end() && !found->second.empty() &&
                      std::ranges::all_of(found->second, [](double x) { return std::isfinite(x); });
  if (!usable) return {.value = std::nan(""), .low = std::nan(""), .high = std::nan("")};
  return MeanInterval(found->second);
}

std::string FormatEstimate(const Estimate& estimate, int decimals) {
  if (std::isnan(estimate.value)) return "-";
  if (!estimate.has_interval) return fmt::format("{:.{}f}", estimate.value, decimals);
  return fmt::format("{:.{}f} [{:.{}f}, {:.{}f}]", estimate.value, decimals, estimate.low, decimals,
                     estimate.high, decimals);
}

std::string ContrastSentence(const ContrastResult& contrast) {
  const Estimate estimate = MeanInterval(contrast.last);
  std::string text =
      fmt::format("{}: {} of {}", contrast.name, contrast.metric, fmt::join(contrast.plus, " + "));
  if (!contrast.minus.empty()) text += fmt::format(" - {}", fmt::join(contrast.minus, " - "));
  text += fmt::format(" = {:+.2f}", estimate.value);
  if (!estimate.has_interval) return text + " (one seed has no interval).";
  text += fmt::format(" [{:+.2f}, {:+.2f}]", estimate.low, estimate.high);
  if (contrast.minus.empty()) return text + ".";
  const auto above = std::ranges::count_if(contrast.last, [](double x) { return x > 0.0; });
  text += fmt::format(", above 0 in {} of {} seeds", above, contrast.last.size());
  if (estimate.low > 0.0) return text + ": the interval lies above 0.";
  if (estimate.high < 0.0) return text + ": the interval lies below 0.";
  return text + ": the interval includes 0, so no difference is shown.";
}

std::string TaskTable(const TaskResult& task) {
  const std::size_t seeds = task.models.empty() ? 0 : task.models.front().seeds.size();
  std::string table = Wrap(fmt::format("{} on {}; {} seed{}, {}", task.name, task.data, seeds,
                                       seeds == 1 ? "" : "s", FormatDuration(task.wall_seconds)),
                           kTableColumns);
  table += fmt::format("\n{}\n", Align(Rows(task)));
  for (const ContrastResult& contrast : task.contrasts) {
    table += Wrap(ContrastSentence(contrast), kTableColumns);
  }
  for (const PathResult& path : task.paths) {
    table +=
        Wrap(fmt::format("best path to {}: {} (validation accuracy {:.1f} %)", path.models.back(),
                         fmt::join(path.models, " -> "), path.validation_accuracy),
             kTableColumns);
  }
  table += Wrap(
      "Means over seeds; [..]: 95 % interval by Student's t. Agreement and KL at temperature 1 are "
      "with the teacher of the same seed, NLL in nats, ECE in percent, all of the last epoch. DS: "
      "0 is ideal, less is better.",
      kTableColumns);
  return table;
}

std::string Fingerprint(const TaskResult& task) {
  ResultDigest digest;
  digest.Count(task.models.size());
  for (const ModelResult& model : task.models) {
    digest.Text(model.name);
    digest.Text(model.parameters_sha256);
    digest.Metrics(model.last);
    digest.Metrics(model.selected);
    digest.Count(model.curve.size());
    for (const EpochPoint& point : model.curve) digest.Metrics(point.values);
  }
  digest.Count(task.agreement.size());
  for (const std::vector<double>& row : task.agreement) digest.Numbers(row);
  return digest.Hex();
}

}  // namespace duet::runners
