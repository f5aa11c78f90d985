#include "envs/env.h"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace duet::envs {

std::span<const float> BoxAction(const EnvSpec& spec, const ActionView& action) {
  const auto* values = std::get_if<std::span<const float>>(&action);
  if (values == nullptr) {
    throw std::logic_error(fmt::format("{}: action {} given, a box of {} numbers needed", spec.id,
                                       std::get<std::int64_t>(action), spec.action_size()));
  }
  if (spec.discrete() || std::cmp_not_equal(values->size(), spec.action_size())) {
    throw std::logic_error(fmt::format("{}: a box of {} numbers given, {} needed", spec.id,
                                       values->size(), spec.action_size()));
  }
  return *values;
}

std::span<const float> FiniteBoxAction(const EnvSpec& spec, const ActionView& action,
                                       std::int64_t step) {
  const std::span<const float> numbers = BoxAction(spec, action);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i])) continue;
    throw NonFiniteError(fmt::format("{}: step {}: action[{}] is {}; allowed is a finite number",
                                     spec.id, step, i, numbers[i]));
  }
  return numbers;
}

std::int64_t DiscreteAction(const EnvSpec& spec, const ActionView& action) {
  const auto* index = std::get_if<std::int64_t>(&action);
  if (index == nullptr) {
    throw std::logic_error(fmt::format("{}: a box of {} numbers given, an index below {} needed",
                                       spec.id, std::get<std::span<const float>>(action).size(),
                                       spec.num_actions));
  }
  if (*index < 0 || *index >= spec.num_actions) {
    throw std::logic_error(fmt::format("{}: action {} given, an index in [0, {}) needed", spec.id,
                                       *index, spec.num_actions));
  }
  return *index;
}

}  // namespace duet::envs
