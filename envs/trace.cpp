#include "envs/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "envs/registry.h"

namespace duet::envs {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

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

// All numbers of a recorded state; what else it holds is for people, also the log of random draws
// (`draws`), which repeats what stands beside it.
RecordedState ReadState(const TraceReader& reader, const json& value, const std::string& where,
                        std::int64_t step) {
  if (!value.is_object()) reader.Refuse(where, value, "an object");
  RecordedState state;
  state.step = step;
  for (const auto& [name, field] : value.items()) {
    if ((!field.is_number() && !field.is_array()) || name == "draws") continue;
    Flatten(reader, field, where + "." + name, state.numbers[name]);
  }
  return state;
}

RecordedAction ReadAction(const TraceReader& reader, const json& value, const std::string& where) {
  if (value.is_number_integer()) return reader.Integer(value, where, 0);
  if (!value.is_array()) {
    reader.Refuse(where, value, "a list of numbers, or the index of a discrete action");
  }
  std::vector<float> numbers;
  for (const double number : reader.Numbers(value, where)) {
    numbers.push_back(static_cast<float>(number));
  }
  return numbers;
}

// What a trace may say about its origin.
void ReadOrigin(const TraceReader& reader, Trace& trace) {
  const json& root = reader.root();
  const auto find = [&](const char* key) -> const json* {
    const auto found = root.find(key);
    return found == root.end() || found->is_null() ? nullptr : &*found;
  };
  if (const json* seed = find("seed")) {
    if (!seed->is_number_unsigned()) reader.Refuse("seed", *seed, "a whole number from 0 on");
    trace.seed = seed->get<std::uint64_t>();
  }
  if (const json* options = find("reset_options")) {
    if (!options->is_object()) reader.Refuse("reset_options", *options, "an object");
    trace.has_reset_options = !options->empty();
  }
  if (const json* versions = find("versions")) {
    if (!versions->is_object()) reader.Refuse("versions", *versions, "an object");
    if (versions->contains("mujoco")) {
      trace.mujoco_version = reader.Text((*versions)["mujoco"], "versions.mujoco");
    }
  }
  if (const json* frame_skip = find("frame_skip")) {
    trace.frame_skip = reader.Integer(*frame_skip, "frame_skip", 1);
  }
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

}  // namespace

ActionView View(const RecordedAction& action) {
  if (const auto* index = std::get_if<std::int64_t>(&action)) return *index;
  return std::get<std::vector<float>>(action);
}

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
  ReadOrigin(reader, trace);
  // Tasks that this program does not have are recorded in other ways; say so before their fields
  // do.
  try {
    DescribeEnv(trace.env_id);
  } catch (const ConfigError& error) {
    reader.Fail(error.what());
  }
  trace.start = ReadState(reader, at("state0"), "state0", 0);
  if (root.contains("step_draws")) {
    Flatten(reader, root["step_draws"], "step_draws", trace.start.numbers["step_draws"]);
  }
  trace.first_observation = reader.Numbers(at("obs0"), "obs0");

  for (const json& action : reader.List(at("actions"), "actions")) {
    const std::string where = fmt::format("actions[{}]", trace.actions.size());
    trace.actions.push_back(ReadAction(reader, action, where));
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

}  // namespace duet::envs
