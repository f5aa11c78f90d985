// What the conformance suite is run on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "envs/env.h"

namespace duet::envs {

struct Subject {
  std::string name;  // letters, digits and underscores
  // A new environment with its own step limit or the one given.
  std::function<std::unique_ptr<Env>(std::optional<std::int64_t>)> make;
  int action_delay = 0;         // steps until an action takes effect
  bool clips_actions = false;   // an infinite action is one of the range
  bool has_statistics = false;  // a seed does not make it forget what it saw

  std::unique_ptr<Env> Make() const { return make(std::nullopt); }
};

inline std::ostream& operator<<(std::ostream& out, const Subject& subject) {
  return out << subject.name;
}

// Those of a test program, which defines this function.
std::vector<Subject> ConformanceSubjects();

}  // namespace duet::envs
