// The contract that every environment keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace duet::envs {

// What one environment looks like from outside; constant for the life of an environment.
struct EnvSpec {
  std::string id;                      // "HalfCheetah-v5"
  std::int64_t observation_size = 0;   // O
  std::vector<float> action_low;       // [A] smallest useful action
  std::vector<float> action_high;      // [A] largest useful action
  std::int64_t max_episode_steps = 0;  // step limit, at which an episode is truncated; 0: none

  std::int64_t action_size() const { return static_cast<std::int64_t>(action_low.size()); }
};

struct StepResult {
  double reward = 0.0;
  bool terminated = false;  // the task itself ended: nothing is to be expected after it
  bool truncated = false;   // cut off from outside: the task would have gone on
};

// One simulated task. Not thread-safe: one thread at a time; different objects are independent.
class Env {
 public:
  virtual ~Env() = default;

  virtual const EnvSpec& spec() const = 0;

  // Starts an episode and writes its first observation ([O], fully). With a seed the environment's
  // random stream starts anew, so the same seed gives the same episode; without, the stream goes
  // on.
  virtual void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) = 0;

  // One step of `action` ([A], not clipped by the caller); writes the observation after it ([O]).
  // Requires Reset first, and Reset again after an end. Only TimeLimit sets `truncated`.
  virtual StepResult Step(std::span<const float> action, std::span<double> observation) = 0;

  // Everything that decides the future: simulator state, random stream, counters. An environment of
  // the same id continues from it bit for bit. LoadState throws IoError on anything else.
  virtual std::string SaveState() const = 0;
  virtual void LoadState(const std::string& state) = 0;
};

}  // namespace duet::envs
