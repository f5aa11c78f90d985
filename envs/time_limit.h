// The step limit of an episode.
#pragma once

#include <cstdint>
#include <memory>

#include "envs/recorded_state.h"
#include "envs/wrappers/wrapper.h"

namespace duet::envs {

// Truncates the episodes of another environment after a number of steps; the only writer of
// StepResult::truncated. An episode that terminates in its last allowed step is both. Also watches
// the call order: Step without a Reset before it, or after an end, throws std::logic_error.
class TimeLimit : public Wrapper, public Replayable {
 public:
  // `max_episode_steps` > 0.
  TimeLimit(std::unique_ptr<Env> env, std::int64_t max_episode_steps);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;
  // Throws ConfigError where the environment inside cannot.
  void StartFrom(const RecordedState& state, std::span<double> observation) override;
  bool starts_anywhere() const override;

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;

  std::int64_t num_steps_ = 0;  // since the reset
  bool running_ = false;        // between Reset and the end of the episode
};

}  // namespace duet::envs
