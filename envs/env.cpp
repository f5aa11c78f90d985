#include "envs/env.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

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
