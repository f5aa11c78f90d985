#include "envs/mujoco/signal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/error.h"
#include "envs/mujoco/quantities.h"

namespace duet::envs {
namespace {

constexpr std::string_view kForms =
    "qpos, qvel, ctrl, time, qpos:JOINT, qvel:JOINT, sensor:NAME, each with an index [i] or a "
    "slice [i:j], in rate:… or clip(…, low, high)";

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string NamesOf(const mjModel& model, mjtObj type, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    const char* name = mj_id2name(&model, type, i);
    if (name != nullptr && name[0] != '\0') names.emplace_back(name);
  }
  return names.empty() ? "none" : fmt::to_string(fmt::join(names, ", "));
}

// Numbers of a joint in qpos and in qvel.
std::size_t PositionSize(int joint_type) {
  switch (joint_type) {
    case mjJNT_FREE:
      return 7;
    case mjJNT_BALL:
      return 4;
    default:
      return 1;
  }
}
std::size_t VelocitySize(int joint_type) {
  switch (joint_type) {
    case mjJNT_FREE:
      return 6;
    case mjJNT_BALL:
      return 3;
    default:
      return 1;
  }
}

void DescribeSensors(const mjModel& model, std::vector<Quantity>& quantities) {
  for (int id = 0; id < model.nsensor; ++id) {
    const char* name = mj_id2name(&model, mjOBJ_SENSOR, id);
    const std::string sensor = name == nullptr ? std::to_string(id) : name;
    for (int i = 0; i < model.sensor_dim[id]; ++i) {
      quantities.push_back({model.sensor_dim[id] == 1
                                ? fmt::format("sensor {}", sensor)
                                : fmt::format("sensor {}, number {}", sensor, i),
                            ""});
    }
  }
}

}  // namespace

Signal::Signal(std::string_view text, const mjModel& model) : text_(text) {
  std::string_view rest = ParseClip(Trim(text));
  constexpr std::string_view kRate = "rate:";
  if (rest.starts_with(kRate)) {
    rate_ = true;
    rest.remove_prefix(kRate.size());
  }
  const std::size_t bracket = rest.find('[');
  ParseSource(rest.substr(0, bracket), model);
  if (bracket == std::string_view::npos) return;
  if (!rest.ends_with(']')) Refuse("has a [ without a ] at its end");
  ParseSlice(rest.substr(bracket + 1, rest.size() - bracket - 2));
}

void Signal::Refuse(std::string_view problem) const {
  throw ConfigError(fmt::format("\"{}\" {}", text_, problem));
}

std::string_view Signal::ParseClip(std::string_view text) {
  constexpr std::string_view kClip = "clip(";
  if (!text.starts_with(kClip)) return text;
  const std::size_t last = text.rfind(',');
  const std::size_t first = last == 0 ? last : text.rfind(',', last - 1);
  if (last == std::string_view::npos || first == std::string_view::npos || !text.ends_with(')')) {
    Refuse("is not of the form clip(signal, low, high)");
  }
  const auto low = ParseNumber<double>(Trim(text.substr(first + 1, last - first - 1)));
  const auto high = ParseNumber<double>(Trim(text.substr(last + 1, text.size() - last - 2)));
  if (!low || !high || !(*low <= *high)) Refuse("needs two numbers low <= high to clip to");
  clip_low_ = *low;
  clip_high_ = *high;
  return Trim(text.substr(kClip.size(), first - kClip.size()));
}

void Signal::ParseSource(std::string_view text, const mjModel& model) {
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    return Find(text.substr(0, colon), text.substr(colon + 1), model);
  }
  if (text == "qpos") {
    source_ = Source::kPosition;
    count_ = static_cast<std::size_t>(model.nq);
  } else if (text == "qvel") {
    source_ = Source::kVelocity;
    count_ = static_cast<std::size_t>(model.nv);
  } else if (text == "ctrl") {
    source_ = Source::kControl;
    count_ = static_cast<std::size_t>(model.nu);
    is_action_ = true;
  } else if (text != "time") {
    Refuse(fmt::format("is no signal; allowed are {}", kForms));
  }
}

void Signal::Find(std::string_view kind, std::string_view name, const mjModel& model) {
  const bool sensor = kind == "sensor";
  if (!sensor && kind != "qpos" && kind != "qvel") {
    Refuse(fmt::format("is no signal; allowed are {}", kForms));
  }
  const mjtObj type = sensor ? mjOBJ_SENSOR : mjOBJ_JOINT;
  const int id = mj_name2id(&model, type, std::string(name).c_str());
  if (id < 0) {
    Refuse(fmt::format("names no {0}; the model's {0}s are {1}", sensor ? "sensor" : "joint",
                       NamesOf(model, type, sensor ? model.nsensor : model.njnt)));
  }
  if (sensor) {
    source_ = Source::kSensor;
    first_ = static_cast<std::size_t>(model.sensor_adr[id]);
    count_ = static_cast<std::size_t>(model.sensor_dim[id]);
  } else if (kind == "qpos") {
    source_ = Source::kPosition;
    first_ = static_cast<std::size_t>(model.jnt_qposadr[id]);
    count_ = PositionSize(model.jnt_type[id]);
  } else {
    source_ = Source::kVelocity;
    first_ = static_cast<std::size_t>(model.jnt_dofadr[id]);
    count_ = VelocitySize(model.jnt_type[id]);
  }
}

void Signal::ParseSlice(std::string_view slice) {
  const auto size = static_cast<std::int64_t>(count_);
  const auto parse = [&](std::string_view number, std::int64_t otherwise) {
    if (Trim(number).empty()) return otherwise;
    const auto index = ParseNumber<std::int64_t>(Trim(number));
    if (!index) Refuse("has an index that is no whole number");
    return *index < 0 ? *index + size : *index;
  };
  const std::size_t colon = slice.find(':');
  const bool single = colon == std::string_view::npos;
  if (single && Trim(slice).empty()) Refuse("has no index between [ and ]");
  const std::int64_t first = parse(slice.substr(0, colon), 0);
  const std::int64_t end = single ? first + 1 : parse(slice.substr(colon + 1), size);
  if (first < 0 || end > size || first >= end) {
    Refuse(fmt::format("is out of range or empty; there are {} numbers, from 0", size));
  }
  is_action_ = is_action_ && end - first == size;
  first_ += static_cast<std::size_t>(first);
  count_ = static_cast<std::size_t>(end - first);
}

std::span<const double> Signal::Raw(const mjData& data) const {
  const auto part = [this](const double* numbers) { return std::span(numbers + first_, count_); };
  switch (source_) {
    case Source::kPosition:
      return part(data.qpos);
    case Source::kVelocity:
      return part(data.qvel);
    case Source::kControl:
      return part(data.ctrl);
    case Source::kSensor:
      return part(data.sensordata);
    case Source::kTime:
      break;
  }
  return {&data.time, 1};
}

double Signal::Value(std::size_t i, const mjData& data, std::span<const double> previous,
                     double step_seconds) const {
  double value = Raw(data)[i];
  if (rate_) value = (value - previous[i]) / step_seconds;
  return std::clamp(value, clip_low_, clip_high_);
}

void Signal::Describe(const mjModel& model, std::vector<Quantity>& quantities) const {
  std::vector<Quantity> all;  // that the source has
  switch (source_) {
    case Source::kPosition:
      DescribePositions({model, {}}, 0, all);
      break;
    case Source::kVelocity:
      DescribeVelocities({model, {}}, "", all);
      break;
    case Source::kControl:
      DescribeActions({model, {}}, all);
      break;
    case Source::kSensor:
      DescribeSensors(model, all);
      break;
    case Source::kTime:
      all.push_back({"simulated time", "s"});
  }
  for (std::size_t i = 0; i < count_; ++i) {
    Quantity quantity = all[first_ + i];
    if (rate_) {
      quantity.meaning = "rate of the " + quantity.meaning;
      if (!quantity.unit.empty()) quantity.unit += "/s";
    }
    quantities.push_back(std::move(quantity));
  }
}

}  // namespace duet::envs
