#include "runners/env_option_text.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/error.h"

namespace duet::runners {
namespace {

std::optional<double> Number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0') return std::nullopt;
  return value;
}

std::optional<envs::Interval> Interval(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (!text.starts_with('[') || !text.ends_with(']') || comma == text.npos) return std::nullopt;
  const auto low = Number(text.substr(1, comma - 1));
  const auto high = Number(text.substr(comma + 1, text.size() - comma - 2));
  if (!low || !high) return std::nullopt;
  return envs::Interval{*low, *high};
}

envs::OptionValue Value(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  if (const auto number = Number(text)) return *number;
  if (const auto interval = Interval(text)) return *interval;
  return std::string(text);
}

}  // namespace

envs::EnvOptions ParseEnvOptions(std::span<const std::string> words) {
  envs::EnvOptions options;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == word.npos) {
      throw ConfigError(
          fmt::format("--option {}: is not of the form key=value, as in frame_skip=2", word));
    }
    const std::string_view text(word);
    if (!options.emplace(text.substr(0, equals), Value(text.substr(equals + 1))).second) {
      throw ConfigError(
          fmt::format("--option {}: the option was given before; allowed is once", word));
    }
  }
  return options;
}

}  // namespace duet::runners
