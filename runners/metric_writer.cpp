#include "runners/metric_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

namespace duet::runners {
namespace {

constexpr std::string_view kFixedColumns =
    "env_steps,env_steps_total,gradient_steps_total,phase,seed,learner,eval_return";

std::string Columns(const std::vector<std::string>& diagnostics) {
  std::string columns(kFixedColumns);
  for (const std::string& name : diagnostics) columns += "," + name;
  return columns;
}

// The names that Stable-Baselines3 gives to the same quantities, where it has them.
std::string Tag(const std::string& name) {
  static const std::map<std::string, std::string> kTags = {
      {"action_distance", "distill/action_distance"},
      {"distill_loss", "distill/loss"},
      {"episode_length", "rollout/ep_len_mean"},
      {"episode_return", "rollout/ep_rew_mean"},
      {"eval_length", "eval/mean_ep_length"},
      {"exploration_rate", "rollout/exploration_rate"},
  };
  if (const auto found = kTags.find(name); found != kTags.end()) return found->second;
  for (const std::string_view prefix : {"weight_", "disadvantage_", "distill_"}) {
    if (name.starts_with(prefix)) return "distill/" + name;
  }
  return "train/" + name;
}

double ValueAt(const std::vector<std::vector<double>>& values, std::size_t seed,
               std::size_t learner) {
  if (seed >= values.size() || learner >= values[seed].size()) return std::nan("");
  return values[seed][learner];
}

}  // namespace

MetricWriter::MetricWriter(const std::filesystem::path& folder, std::vector<std::int64_t> seeds,
                           std::vector<std::string> diagnostics)
    : seeds_(std::move(seeds)),
      diagnostics_(std::move(diagnostics)),
      files_(folder, Columns(diagnostics_)) {}

void MetricWriter::Write(const EvaluationPoint& evaluation, const DiagnosticPoint& diagnostics,
                         const Pace& pace) {
  const double now = SecondsSince1970();
  for (std::size_t seed = 0; seed < seeds_.size(); ++seed) {
    std::size_t learners = seed < evaluation.returns.size() ? evaluation.returns[seed].size() : 0;
    for (const auto& [name, values] : diagnostics.values) {
      if (seed < values.size()) learners = std::max(learners, values[seed].size());
    }
    for (std::size_t learner = 0; learner < learners; ++learner) {
      const double eval_return = ValueAt(evaluation.returns, seed, learner);
      std::string row = fmt::format("{},{},{},{},{},{},{}", evaluation.env_steps_per_learner,
                                    evaluation.env_steps_total, evaluation.gradient_steps_total,
                                    evaluation.phase, seeds_[seed], learner, CsvCell(eval_return));
      for (const std::string& name : diagnostics_) {
        const auto values = diagnostics.values.find(name);
        row += ",";
        if (values != diagnostics.values.end())
          row += CsvCell(ValueAt(values->second, seed, learner));
      }
      files_.AppendRow(row);

      // A phase before the training proper, such as a teacher's, has curves of its own.
      const std::string stream = evaluation.phase == "training"
                                     ? fmt::format("seed_{}/learner_{}", seeds_[seed], learner)
                                     : fmt::format("seed_{}/{}{}", seeds_[seed], evaluation.phase,
                                                   learner == 0 ? "" : fmt::format("_{}", learner));
      EventWriter& events = files_.Events(stream);
      const std::int64_t step = evaluation.env_steps_per_learner;
      if (!std::isnan(eval_return)) events.AddScalar("eval/mean_reward", step, eval_return, now);
      for (const auto& [name, values] : diagnostics.values) {
        const double value = ValueAt(values, seed, learner);
        if (!std::isnan(value)) events.AddScalar(Tag(name), step, value, now);
      }
      events.AddScalar("time/fps", step, pace.steps_per_second, now);
      events.AddScalar("time/total_timesteps", step, static_cast<double>(step), now);
      events.AddScalar("train/n_updates", step, static_cast<double>(pace.num_updates), now);
    }
  }
  files_.Flush();
}

std::string MetricWriter::SaveState() const { return files_.SaveState(); }

void MetricWriter::LoadState(const std::string& state) { files_.LoadState(state); }

}  // namespace duet::runners
