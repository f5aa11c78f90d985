#include "envs/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/time_limit.h"

namespace duet::envs {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;
constexpr std::int64_t kWindowSteps = 20;
constexpr double kRewardTolerance = 1e-6;

// Python writes numbers that are not finite as bare words, which JSON does not have; as quoted
// words they reach the checks below.
std::string QuoteBareWords(std::string_view text) {
  constexpr std::string_view kWords[] = {"-Infinity", "Infinity", "NaN"};
  std::string result;
  result.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      result += c;
      if (c == '\\' && i + 1 < text.size()) result += text[++i];
      if (c == '"') in_string = false;
      continue;
    }
    const auto* const word = std::ranges::find_if(
        kWords, [&](std::string_view candidate) { return text.substr(i).starts_with(candidate); });
    if (word != std::end(kWords)) {
      result += fmt::format("\"{}\"", *word);
      i += word->size() - 1;
      continue;
    }
    in_string = c == '"';
    result += c;
  }
  return result;
}

// The fields of one file, with the file's name in every error.
class TraceReader {
 public:
  explicit TraceReader(const std::filesystem::path& path) : path_(path) {
    try {
      root_ = json::parse(QuoteBareWords(core::ReadFile(path)));
    } catch (const json::exception& error) {
      std::string_view what = error.what();
      what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
      Fail(fmt::format("{}; allowed is a trace file (JSON)", what));
    }
    if (!root_.is_object()) Refuse("the file", root_, "a JSON object");
  }

  [[noreturn]] void Fail(std::string_view what) const {
    throw IoError(fmt::format("{}: {}", path_.string(), what));
  }
  [[noreturn]] void Refuse(std::string_view where, const json& found,
                           std::string_view allowed) const {
    std::string text = found.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    Fail(fmt::format("{} = {}; allowed is {}", where, text, allowed));
  }

  const json& root() const { return root_; }

  const json& At(const json& object, const std::string& where, const char* key) const {
    if (!object.is_object()) Refuse(where, object, "an object");
    const auto found = object.find(key);
    if (found == object.end()) {
      Fail(fmt::format("{}{}{} is missing; a trace has it", where, where.empty() ? "" : ".", key));
    }
    return *found;
  }

  double Number(const json& value, std::string_view where) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      Refuse(where, value, "a finite number");
    }
    return value.get<double>();
  }

  std::int64_t Integer(const json& value, std::string_view where, std::int64_t low) const {
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{1} << 62) ||
        value.get<std::int64_t>() < low) {
      Refuse(where, value, fmt::format("a whole number from {} on", low));
    }
    return value.get<std::int64_t>();
  }

  bool Flag(const json& value, std::string_view where) const {
    if (!value.is_boolean()) Refuse(where, value, "true or false");
    return value.get<bool>();
  }

  std::string Text(const json& value, std::string_view where) const {
    if (!value.is_string()) Refuse(where, value, "a text");
    return value.get<std::string>();
  }

  // A list, with its length where that is known.
  const json& List(const json& value, std::string_view where,
                   std::optional<std::size_t> size = std::nullopt) const {
    if (!value.is_array()) Refuse(where, value, "a list");
    if (size && value.size() != *size) {
      Fail(fmt::format("{} has {} entries; allowed is {}", where, value.size(), *size));
    }
    return value;
  }

  std::vector<double> Numbers(const json& value, const std::string& where,
                              std::optional<std::size_t> size = std::nullopt) const {
    std::vector<double> numbers;
    for (const json& entry : List(value, where, size)) {
      numbers.push_back(Number(entry, fmt::format("{}[{}]", where, numbers.size())));
    }
    return numbers;
  }

 private:
  std::filesystem::path path_;
  json root_;
};

// A bound of an interval: a number, or a quoted infinity.
std::optional<double> ReadBound(const json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

OptionValue ReadOption(const TraceReader& reader, const json& value, const std::string& where) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array() && value.size() == 2) {
    const std::optional<double> low = ReadBound(value[0]);
    const std::optional<double> high = ReadBound(value[1]);
    if (low && high) return Interval{*low, *high};
  }
  reader.Refuse(where, value, "a number, a text, true, false or two numbers [low, high]");
}

// Appends the numbers of a list, of its lists and so on; flags count as 0 and 1.
void Flatten(const TraceReader& reader, const json& value, const std::string& where,
             std::vector<double>& numbers) {
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      Flatten(reader, value[i], fmt::format("{}[{}]", where, i), numbers);
    }
  } else if (value.is_boolean()) {
    numbers.push_back(value.get<bool>() ? 1.0 : 0.0);
  } else {
    numbers.push_back(reader.Number(value, where));
  }
}

// All numbers of a recorded state; what else it holds is for people.
RecordedState ReadState(const TraceReader& reader, const json& value, const std::string& where,
                        std::int64_t step) {
  if (!value.is_object()) reader.Refuse(where, value, "an object");
  RecordedState state;
  state.step = step;
  for (const auto& [name, field] : value.items()) {
    if (!field.is_number() && !field.is_array()) continue;
    Flatten(reader, field, where + "." + name, state.numbers[name]);
  }
  return state;
}

std::vector<bool> ReadEndFlags(const TraceReader& reader, const char* key, std::size_t num_steps) {
  std::vector<bool> flags;
  for (const json& value : reader.List(reader.At(reader.root(), "", key), key, num_steps)) {
    const std::string where = fmt::format("{}[{}]", key, flags.size());
    flags.push_back(reader.Flag(value, where));
    if (flags.back() && flags.size() < num_steps) {
      reader.Refuse(where, value, "an end in the last step only");
    }
  }
  return flags;
}

void Note(Deviation& largest, double value, std::int64_t step, std::int64_t index) {
  // Written so that a number that is not finite counts as larger than any other.
  if (std::isnan(largest.value) || value <= largest.value) return;
  largest = {value, step, index};
}

void NoteObservation(Deviation& largest, std::span<const double> expected,
                     std::span<const double> found, std::int64_t step) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Note(largest, std::abs(found[i] - expected[i]), step, static_cast<std::int64_t>(i));
  }
}

// One replay from a recorded state over up to `max_steps` steps.
struct Stretch {
  Deviation* observation;
  Deviation* reward;
  std::int64_t* flag_mismatches;
  std::int64_t first_mismatch = 0;
};

void ReplayStretch(const Trace& trace, TimeLimit& env, const RecordedState& from,
                   std::int64_t max_steps, Stretch& stretch) {
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size));
  env.StartFrom(from, observation);
  if (from.step == 0)
    NoteObservation(*stretch.observation, trace.first_observation, observation, 0);
  const auto num_steps = static_cast<std::int64_t>(trace.actions.size());
  auto next_observation = std::ranges::upper_bound(trace.observation_steps, from.step);
  for (std::int64_t step = from.step + 1; step <= std::min(num_steps, from.step + max_steps);
       ++step) {
    const auto i = static_cast<std::size_t>(step - 1);
    const StepResult result = env.Step(trace.actions[i], observation);
    Note(*stretch.reward, std::abs(result.reward - trace.rewards[i]), step, 0);
    if (next_observation != trace.observation_steps.end() && *next_observation == step) {
      const auto row = static_cast<std::size_t>(next_observation - trace.observation_steps.begin());
      NoteObservation(*stretch.observation, trace.observations[row], observation, step);
      ++next_observation;
    }
    if (result.terminated != trace.terminated[i] || result.truncated != trace.truncated[i]) {
      ++*stretch.flag_mismatches;
      if (stretch.first_mismatch == 0) stretch.first_mismatch = step;
    }
    if (result.terminated || result.truncated) break;
  }
}

ReplayReport Replay(const Trace& trace) {
  const EnvDescription description = DescribeEnv(trace.env_id);
  const std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();
  const std::unique_ptr<Env> made =
      MakeEnv(trace.env_id, trace.options,
              trace.max_episode_steps > 0 ? trace.max_episode_steps : no_limit);
  auto& env = dynamic_cast<TimeLimit&>(*made);

  // The sizes that the file itself cannot tell.
  const auto require = [](std::string_view what, std::size_t found, std::int64_t allowed) {
    if (std::cmp_equal(found, allowed)) return;
    throw IoError(fmt::format("{} has {} entries; allowed is {}", what, found, allowed));
  };
  require("obs0", trace.first_observation.size(), env.spec().observation_size);
  for (std::size_t i = 0; i < trace.actions.size(); ++i) {
    require(fmt::format("actions[{}]", i), trace.actions[i].size(), env.spec().action_size());
  }
  for (std::size_t i = 0; i < trace.observations.size(); ++i) {
    require(fmt::format("obs[{}]", i), trace.observations[i].size(), env.spec().observation_size);
  }

  ReplayReport report;
  report.env_id = trace.env_id;
  report.num_steps = static_cast<std::int64_t>(trace.actions.size());
  report.observation_tolerance = description.replay_tolerance;
  report.reward_tolerance = kRewardTolerance;
  if (const auto* simulation = dynamic_cast<const MujocoEnv*>(&env.unwrapped())) {
    report.model_bit_equal = ModelDigest(simulation->model()) == description.reference_model_digest;
    const std::int64_t frame_skip = simulation->task().frame_skip;
    if (trace.frame_skip > 0 && trace.frame_skip != frame_skip) {
      throw IoError(fmt::format("frame_skip = {}; allowed is {}, as the settings say",
                                trace.frame_skip, frame_skip));
    }
  }

  Stretch windows = {.observation = &report.window_observation,
                     .reward = &report.window_reward,
                     .flag_mismatches = &report.window_flag_mismatches};
  ReplayStretch(trace, env, trace.start, kWindowSteps, windows);
  report.num_windows = 1;
  for (const RecordedState& state : trace.states) {
    if (state.step >= report.num_steps) continue;  // nothing was recorded after it
    ReplayStretch(trace, env, state, kWindowSteps, windows);
    ++report.num_windows;
  }

  Stretch episode = {.observation = &report.episode_observation,
                     .reward = &report.episode_reward,
                     .flag_mismatches = &report.episode_flag_mismatches};
  ReplayStretch(trace, env, trace.start, report.num_steps, episode);
  report.first_flag_mismatch = episode.first_mismatch;

  report.passed = report.window_observation.value <= report.observation_tolerance &&
                  report.window_reward.value <= report.reward_tolerance &&
                  report.window_flag_mismatches == 0 &&
                  (report.episode_flag_mismatches == 0 || !report.model_bit_equal);
  return report;
}

}  // namespace

Trace ReadTrace(const std::filesystem::path& path) {
  const TraceReader reader(path);
  const json& root = reader.root();
  const auto at = [&](const char* key) -> const json& { return reader.At(root, "", key); };

  if (at("format") != kFormat) {
    reader.Refuse("format", at("format"), fmt::format("{}", kFormat));
  }
  Trace trace;
  trace.path = path;
  trace.env_id = reader.Text(at("env"), "env");
  if (!at("kwargs").is_object()) reader.Refuse("kwargs", at("kwargs"), "an object");
  for (const auto& [name, value] : at("kwargs").items()) {
    trace.options[name] = ReadOption(reader, value, "kwargs." + name);
  }
  if (!at("max_episode_steps").is_null()) {
    trace.max_episode_steps = reader.Integer(at("max_episode_steps"), "max_episode_steps", 1);
  }
  if (root.contains("frame_skip") && !root["frame_skip"].is_null()) {
    trace.frame_skip = reader.Integer(root["frame_skip"], "frame_skip", 1);
  }
  // Tasks that this program does not have are recorded in other ways; say so before their fields
  // do.
  try {
    DescribeEnv(trace.env_id);
  } catch (const ConfigError& error) {
    reader.Fail(error.what());
  }
  trace.start = ReadState(reader, at("state0"), "state0", 0);
  trace.first_observation = reader.Numbers(at("obs0"), "obs0");

  for (const json& action : reader.List(at("actions"), "actions")) {
    const std::string where = fmt::format("actions[{}]", trace.actions.size());
    std::vector<float>& row = trace.actions.emplace_back();
    for (const double number : reader.Numbers(action, where)) {
      row.push_back(static_cast<float>(number));
    }
  }
  const std::size_t num_steps = trace.actions.size();
  if (num_steps == 0) reader.Fail("actions has 0 entries; allowed is at least 1");

  for (const json& value : reader.List(at("obs_t"), "obs_t")) {
    const std::string where = fmt::format("obs_t[{}]", trace.observation_steps.size());
    const std::int64_t step = reader.Integer(value, where, 1);
    if (std::cmp_greater(step, num_steps) ||
        (!trace.observation_steps.empty() && step <= trace.observation_steps.back())) {
      reader.Refuse(where, value, fmt::format("ascending steps up to {}", num_steps));
    }
    trace.observation_steps.push_back(step);
  }
  for (const json& value : reader.List(at("obs"), "obs", trace.observation_steps.size())) {
    trace.observations.push_back(
        reader.Numbers(value, fmt::format("obs[{}]", trace.observations.size())));
  }
  trace.rewards = reader.Numbers(at("reward"), "reward", num_steps);
  trace.terminated = ReadEndFlags(reader, "terminated", num_steps);
  trace.truncated = ReadEndFlags(reader, "truncated", num_steps);

  for (const json& value : reader.List(at("states"), "states")) {
    const std::string where = fmt::format("states[{}]", trace.states.size());
    const json& step_field = reader.At(value, where, "t");
    const std::int64_t step = reader.Integer(step_field, where + ".t", 1);
    if (std::cmp_greater(step, num_steps) ||
        (!trace.states.empty() && step <= trace.states.back().step)) {
      reader.Refuse(where + ".t", step_field, fmt::format("ascending steps up to {}", num_steps));
    }
    trace.states.push_back(ReadState(reader, value, where, step));
  }
  return trace;
}

ReplayReport ReplayTrace(const Trace& trace) {
  try {
    return Replay(trace);
  } catch (const Error& error) {
    throw IoError(fmt::format("{}: {}", trace.path.string(), error.what()));
  }
}

}  // namespace duet::envs
