// The contract that every environment keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace duet::envs {

// What one environment looks like from outside; constant for the life of an environment.
struct EnvSpec {
  std::string id;                      // "HalfCheetah-v5"
  std::int64_t observation_size = 0;   // O
  std::vector<float> observation_low;  // [O] bounds, possibly infinite; both empty: none is known
  std::vector<float> observation_high;
  // Actions are either a box, [A] numbers, or discrete, one of `num_actions` indices.
  std::vector<float> action_low;       // [A] smallest useful action; empty where discrete
  std::vector<float> action_high;      // [A] largest useful action; empty where discrete
  std::int64_t num_actions = 0;        // discrete actions 0 … num_actions - 1; 0: a box
  std::int64_t max_episode_steps = 0;  // step limit, at which an episode is truncated; 0: none
  double step_seconds = 0.0;           // simulated time of a step; 0: the task has no such thing

  bool discrete() const { return num_actions > 0; }
  // A: numbers of a box action; 0 where discrete.
  std::int64_t action_size() const { return static_cast<std::int64_t>(action_low.size()); }
};

// One action, borrowed for the call: the numbers of a box action ([A]) or a discrete one's index.
using ActionView = std::variant<std::span<const float>, std::int64_t>;

// The numbers or the index of an action for an environment of this spec. Anything else, also a box
// of another size or an index out of range, is the caller's fault: std::logic_error.
std::span<const float> BoxAction(const EnvSpec& spec, const ActionView& action);
std::int64_t DiscreteAction(const EnvSpec& spec, const ActionView& action);

// BoxAction, for step number `step` of an episode. Throws NonFiniteError naming the step where a
// number is not finite.
std::span<const float> FiniteBoxAction(const EnvSpec& spec, const ActionView& action,
                                       std::int64_t step);

struct StepResult {
  double reward = 0.0;
  bool terminated = false;  // the task itself ended: nothing is to be expected after it
  bool truncated = false;   // cut off from outside: the task would have gone on
};

// What one number of an observation or an action means: "angle of the knee", "rad".
struct Quantity {
  std::string meaning;
  std::string unit;  // empty: none
};

struct EnvQuantities {
  std::vector<Quantity> observation;  // [O]
  std::vector<Quantity> action;       // [A], or one for each index of a discrete action
};

// One simulated task. Not thread-safe: one thread at a time; different objects are independent.
class Env {
 public:
  virtual ~Env() = default;

  virtual const EnvSpec& spec() const = 0;

  // Starts an episode and writes its first observation ([O], fully). With a seed the environment's
  // random stream starts anew, so the same seed gives the same episode, the one that Gymnasium's
  // environment of the same id gives; without, the stream goes on.
  virtual void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) = 0;

  // One step of an action (not clipped by the caller); writes the observation after it ([O]).
  // Requires Reset first, and Reset again after an end. Only TimeLimit sets `truncated`.
  virtual StepResult Step(ActionView action, std::span<double> observation) = 0;

  // Everything that decides the future: simulator state, random stream, counters. An environment of
  // the same id continues from it bit for bit. LoadState throws IoError on anything else.
  virtual std::string SaveState() const = 0;
  virtual void LoadState(const std::string& state) = 0;

  // What the numbers mean, for people.
  virtual EnvQuantities Describe() const = 0;

  // The environment inside all wrappers.
  virtual const Env& unwrapped() const { return *this; }
};

}  // namespace duet::envs
