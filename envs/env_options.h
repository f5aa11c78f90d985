// Settings of a task by name, with the names and the defaults of Gymnasium's constructors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/fields.h"

namespace duet::envs {

using core::Interval;
using OptionValue = core::FreeValue;
using EnvOptions = core::FreeTable;

// "true", "0.5", "[0.8, 2]", "\"torso\""
std::string ToText(const OptionValue& value);

// An option does not exist or has a value that the task does not allow.
class OptionError : public ConfigError {
 public:
  OptionError(std::string_view option, const std::string& message)
      : ConfigError(message), option_(option) {}
  const std::string& option() const { return option_; }

 private:
  std::string option_;
};

// An option that a task has.
struct OptionFacts {
  std::string name;
  OptionValue default_value;
  std::string allowed;  // "a finite number >= 0"
};

// Fills the fields of a task's settings from options. Each task asks for the options that it knows,
// with the defaults in the fields; then Finish is called. Every method throws OptionError naming
// the task, the option, what was found and what is allowed.
class OptionReader {
 public:
  // `options` must live as long as the reader.
  OptionReader(std::string_view id, const EnvOptions& options) : id_(id), options_(options) {}

  // A finite number.
  void Number(std::string_view name, double& value);
  // A finite number that is at least zero.
  void NonNegative(std::string_view name, double& value);
  // A whole number in [low, high].
  void Count(std::string_view name, std::int64_t& value, std::int64_t low, std::int64_t high);
  void Flag(std::string_view name, bool& value);
  // Two numbers, low <= high, each finite or infinite.
  void Range(std::string_view name, Interval& value);
  // For what a task checks itself: the value given, or null.
  const OptionValue* Find(std::string_view name, OptionValue default_value,
                          std::string_view allowed);
  [[noreturn]] void Refuse(std::string_view name, const OptionValue& found,
                           std::string_view allowed) const;

  // Throws on an option that the task did not ask for.
  void Finish() const;
  std::string_view id() const { return id_; }
  // The options that the task asked for, in that order.
  const std::vector<OptionFacts>& known() const { return known_; }

 private:
  std::string_view id_;
  const EnvOptions& options_;
  std::vector<OptionFacts> known_;
};

}  // namespace duet::envs
