#include "envs/recorded_state.h"

#include <fmt/format.h>

#include "core/error.h"

namespace duet::envs {

const std::vector<double>* RecordedState::Find(std::string_view name) const {
  const auto found = numbers.find(name);
  return found == numbers.end() ? nullptr : &found->second;
}

std::span<const double> RecordedState::Get(std::string_view id, std::string_view name,
                                           std::size_t size) const {
  const std::vector<double>* found = Find(name);
  if (found == nullptr) {
    throw ConfigError(
        fmt::format("{}: the recorded state at step {} has no {}; needed are {} "
                    "numbers",
                    id, step, name, size));
  }
  if (found->size() != size) {
    throw ConfigError(
        fmt::format("{}: {} of the recorded state at step {} has {} numbers; allowed "
                    "is {}",
                    id, name, step, found->size(), size));
  }
  return *found;
}

}  // namespace duet::envs
