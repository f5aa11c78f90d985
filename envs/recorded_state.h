// Starting an environment from a simulator state that was written down elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace duet::envs {

// A state between two steps, as numbers with the names of the recording; lists within lists are
// flattened, row by row. A state right after a reset holds what was drawn for the episode.
struct RecordedState {
  std::int64_t step = 0;  // steps since the reset; 0: a state right after the reset
  std::map<std::string, std::vector<double>, std::less<>> numbers = {};

  // Null where the recording has no such numbers.
  const std::vector<double>* Find(std::string_view name) const;
  // The numbers of that name. Throws ConfigError naming `id` and `name` where they are missing or
  // not `size` many.
  std::span<const double> Get(std::string_view id, std::string_view name, std::size_t size) const;
};

// An environment that can continue from such a state.
class Replayable {
 public:
  virtual ~Replayable() = default;

  // Continues from `state` and writes the observation there ([O]). Where the observation contains
  // quantities that lag behind the state, these are exact only for a state right after a reset.
  // Throws ConfigError where the state does not fit the environment.
  virtual void StartFrom(const RecordedState& state, std::span<double> observation) = 0;

  // Whether a state from the middle of an episode is enough to go on, or only one after a reset.
  virtual bool starts_anywhere() const { return true; }
};

}  // namespace duet::envs
