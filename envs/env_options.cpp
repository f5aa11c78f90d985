#include "envs/env_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace duet::envs {
std::string ToText(const OptionValue& value) {
  struct Visitor {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const Interval& interval) const {
      return fmt::format("[{}, {}]", interval.low, interval.high);
    }
    std::string operator()(const std::string& text) const { return fmt::format("\"{}\"", text); }
  };
  return std::visit(Visitor{}, value);
}

const OptionValue* OptionReader::Find(std::string_view name, OptionValue default_value,
                                      std::string_view allowed) {
  known_.push_back({std::string(name), std::move(default_value), std::string(allowed)});
  const auto found = options_.find(name);
  return found == options_.end() ? nullptr : &found->second;
}

void OptionReader::Refuse(std::string_view name, const OptionValue& found,
                          std::string_view allowed) const {
  throw OptionError(
      name, fmt::format("{}: option {} = {}; allowed is {}", id_, name, ToText(found), allowed));
}

void OptionReader::Number(std::string_view name, double& value) {
  constexpr std::string_view kAllowed = "a finite number";
  const OptionValue* found = Find(name, value, kAllowed);
  if (found == nullptr) return;
  const double* number = std::get_if<double>(found);
  if (number == nullptr || !std::isfinite(*number)) Refuse(name, *found, kAllowed);
  value = *number;
}

void OptionReader::NonNegative(std::string_view name, double& value) {
  constexpr std::string_view kAllowed = "a finite number >= 0";
  const OptionValue* found = Find(name, value, kAllowed);
  if (found == nullptr) return;
  const double* number = std::get_if<double>(found);
  if (number == nullptr || !std::isfinite(*number) || *number < 0.0) {
    Refuse(name, *found, kAllowed);
  }
  value = *number;
}

void OptionReader::Count(std::string_view name, std::int64_t& value, std::int64_t low,
                         std::int64_t high) {
  const std::string allowed = fmt::format("a whole number in [{}, {}]", low, high);
  const OptionValue* found = Find(name, static_cast<double>(value), allowed);
  if (found == nullptr) return;
  const double* number = std::get_if<double>(found);
  if (number == nullptr || !(*number >= static_cast<double>(low)) ||
      !(*number <= static_cast<double>(high)) || *number != std::floor(*number)) {
    Refuse(name, *found, allowed);
  }
  value = static_cast<std::int64_t>(*number);
}

void OptionReader::Flag(std::string_view name, bool& value) {
  constexpr std::string_view kAllowed = "true or false";
  const OptionValue* found = Find(name, value, kAllowed);
  if (found == nullptr) return;
  const bool* flag = std::get_if<bool>(found);
  if (flag == nullptr) Refuse(name, *found, kAllowed);
  value = *flag;
}

void OptionReader::Range(std::string_view name, Interval& value) {
  constexpr std::string_view kAllowed = "two numbers [low, high] with low <= high";
  const OptionValue* found = Find(name, value, kAllowed);
  if (found == nullptr) return;
  const Interval* interval = std::get_if<Interval>(found);
  if (interval == nullptr || !(interval->low <= interval->high)) Refuse(name, *found, kAllowed);
  value = *interval;
}

void OptionReader::Finish() const {
  std::vector<std::string_view> names;
  for (const OptionFacts& option : known_) names.push_back(option.name);
  std::ranges::sort(names);
  for (const auto& [name, value] : options_) {
    if (std::ranges::binary_search(names, std::string_view(name))) continue;
    throw OptionError(
        name, fmt::format("{}: unknown option {} = {}; known are {}", id_, name, ToText(value),
                          names.empty() ? "none" : fmt::to_string(fmt::join(names, ", "))));
  }
}

}  // namespace duet::envs
