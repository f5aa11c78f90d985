// Return and length of episodes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "envs/wrappers/wrapper.h"

namespace duet::envs {

// Adds up the rewards and counts the steps of the episode; changes nothing. Outside of wrappers
// that change rewards it sees theirs, inside of them the task's. As Gymnasium's
// RecordEpisodeStatistics, without the clock.
class EpisodeStatistics : public Wrapper {
 public:
  struct Episode {
    double episode_return = 0.0;
    std::int64_t episode_length = 0;
  };

  explicit EpisodeStatistics(std::unique_ptr<Env> env);

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;
  StepResult Step(ActionView action, std::span<double> observation) override;

  const Episode& current() const { return current_; }  // since the latest reset
  const Episode& last() const { return last_; }        // that ended; zero before there is one
  std::int64_t num_episodes() const { return num_episodes_; }  // that ended

 private:
  void SaveOwnState(StateWriter& writer) const override;
  void LoadOwnState(StateReader& reader) override;

  Episode current_;
  Episode last_;
  std::int64_t num_episodes_ = 0;
};

}  // namespace duet::envs
