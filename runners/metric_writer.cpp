#include "runners/metric_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace duet::runners {
namespace {

constexpr std::string_view kFixedColumns =
    "env_steps,env_steps_total,gradient_steps_total,phase,seed,learner,eval_return";

std::string Header(const std::vector<std::string>& diagnostics) {
  std::string header(kFixedColumns);
  for (const std::string& name : diagnostics) header += "," + name;
  return header + "\n";
}

// The shortest text that reads back as the same number; empty for NaN.
std::string Cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

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

double SecondsSince1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double ValueAt(const std::vector<std::vector<double>>& values, std::size_t seed,
               std::size_t learner) {
  if (seed >= values.size() || learner >= values[seed].size()) return std::nan("");
  return values[seed][learner];
}

}  // namespace

MetricWriter::MetricWriter(const std::filesystem::path& folder, std::vector<std::int64_t> seeds,
                           std::vector<std::string> diagnostics)
    : folder_(folder),
      seeds_(std::move(seeds)),
      diagnostics_(std::move(diagnostics)),
      csv_(folder / "metrics.csv") {
  const std::string header = Header(diagnostics_);
  if (csv_.Size() == 0) {
    csv_.Append(header);
    csv_.Flush();
    return;
  }
  const std::string content = csv_.Read();
  if (!content.starts_with(header)) {
    throw IoError(fmt::format("{}: the first line is \"{}\", \"{}\" is allowed",
                              csv_.path().string(), content.substr(0, content.find('\n')),
                              header.substr(0, header.size() - 1)));
  }
}

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
                                    evaluation.phase, seeds_[seed], learner, Cell(eval_return));
      for (const std::string& name : diagnostics_) {
        const auto values = diagnostics.values.find(name);
        row += ",";
        if (values != diagnostics.values.end()) row += Cell(ValueAt(values->second, seed, learner));
      }
      csv_.Append(row + "\n");

      // A phase before the training proper, such as a teacher's, has curves of its own.
      const std::string stream = evaluation.phase == "training"
                                     ? fmt::format("seed_{}/learner_{}", seeds_[seed], learner)
                                     : fmt::format("seed_{}/{}{}", seeds_[seed], evaluation.phase,
                                                   learner == 0 ? "" : fmt::format("_{}", learner));
      EventWriter& events = Events(stream);
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
  csv_.Flush();
  for (auto& [stream, events] : events_) events.Flush();
}

std::string MetricWriter::SaveState() const {
  nlohmann::json sizes = nlohmann::json::object();
  for (const auto& [stream, events] : events_) sizes[stream] = events.Size();
  return nlohmann::json{{"metrics_csv", csv_.Size()}, {"events", sizes}}.dump();
}

void MetricWriter::LoadState(const std::string& state) {
  std::uintmax_t csv_size = 0;
  std::map<std::string, std::uintmax_t> event_sizes;
  try {
    const nlohmann::json json = nlohmann::json::parse(state);
    csv_size = json.at("metrics_csv").get<std::uintmax_t>();
    event_sizes = json.at("events").get<std::map<std::string, std::uintmax_t>>();
  } catch (const nlohmann::json::exception&) {
    throw IoError(fmt::format("{}: the sizes of its metrics in the checkpoint are damaged",
                              folder_.string()));
  }
  csv_.Truncate(csv_size);
  events_.clear();
  // Streams that began after the checkpoint begin anew.
  std::error_code code;
  const std::filesystem::path root = folder_ / "events";
  for (auto entry = std::filesystem::recursive_directory_iterator(root, code);
       !code && entry != std::filesystem::recursive_directory_iterator(); entry.increment(code)) {
    if (!entry->is_regular_file()) continue;
    const std::string stream =
        std::filesystem::relative(entry->path().parent_path(), root).generic_string();
    if (event_sizes.contains(stream)) continue;
    AppendFile(entry->path()).Truncate(0);
  }
  for (const auto& [stream, size] : event_sizes) {
    events_.emplace(stream, EventWriter(root / stream, size));
  }
}

EventWriter& MetricWriter::Events(const std::string& stream) {
  const auto found = events_.find(stream);
  if (found != events_.end()) return found->second;
  return events_.emplace(stream, EventWriter(folder_ / "events" / stream)).first->second;
}

}  // namespace duet::runners
