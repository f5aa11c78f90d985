#include "envs/env_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "core/error.h"

namespace duet::envs {
namespace {

std::string Describe(const OptionValue& value) {
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

}  // namespace

const OptionValue* OptionReader::Find(std::string_view name) {
  known_.emplace(name);
  const auto found = options_.find(name);
  return found == options_.end() ? nullptr : &found->second;
}

void OptionReader::Refuse(std::string_view name, const OptionValue& found,
                          std::string_view allowed) const {
  throw ConfigError(
      fmt::format("{}: option {} = {}; allowed is {}", id_, name, Describe(found), allowed));
}

void OptionReader::Number(std::string_view name, double& value) {
  const OptionValue* found = Find(name);
  if (found == nullptr) return;
  const double* number = std::get_if<double>(found);
  if (number == nullptr || !std::isfinite(*number)) Refuse(name, *found, "a finite number");
  value = *number;
}

void OptionReader::NonNegative(std::string_view name, double& value) {
  const OptionValue* found = Find(name);
  if (found == nullptr) return;
  const double* number = std::get_if<double>(found);
  if (number == nullptr || !std::isfinite(*number) || *number < 0.0) {
    Refuse(name, *found, "a finite number >= 0");
  }
  value = *number;
}

void OptionReader::Count(std::string_view name, std::int64_t& value, std::int64_t low,
                         std::int64_t high) {
  const OptionValue* found = Find(name);
  if (found == nullptr) return;
  const double* number = std::get_if<double>(found);
  if (number == nullptr || !(*number >= static_cast<double>(low)) ||
      !(*number <= static_cast<double>(high)) || *number != std::floor(*number)) {
    Refuse(name, *found, fmt::format("a whole number in [{}, {}]", low, high));
  }
  value = static_cast<std::int64_t>(*number);
}

void OptionReader::Flag(std::string_view name, bool& value) {
  const OptionValue* found = Find(name);
  if (found == nullptr) return;
  const bool* flag = std::get_if<bool>(found);
  if (flag == nullptr) Refuse(name, *found, "true or false");
  value = *flag;
}

void OptionReader::Range(std::string_view name, Interval& value) {
  const OptionValue* found = Find(name);
  if (found == nullptr) return;
  const Interval* interval = std::get_if<Interval>(found);
  if (interval == nullptr || !(interval->low <= interval->high)) {
    Refuse(name, *found, "two numbers [low, high] with low <= high");
  }
  value = *interval;
}

void OptionReader::Finish() const {
  for (const auto& [name, value] : options_) {
    if (known_.contains(name)) continue;
    throw ConfigError(fmt::format("{}: unknown option {} = {}; known are {}", id_, name,
                                  Describe(value), fmt::join(known_, ", ")));
  }
}

}  // namespace duet::envs
