// Whole episodes of one environment, step by step.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/random.h"
#include "envs/env.h"

namespace duet::video {

// Chooses actions.
class Actor {
 public:
  virtual ~Actor() = default;

  // An episode starts, the one of this seed.
  virtual void Begin(std::uint64_t seed) = 0;
  // The action for an observation ([O]), valid until the next call.
  virtual envs::ActionView Act(std::span<const double> observation) = 0;
};

// Uniform over the box, or over the indices; [-1, 1] stands for a side of the box without end. The
// same seed gives the same actions.
class RandomActor : public Actor {
 public:
  explicit RandomActor(const envs::EnvSpec& spec);

  void Begin(std::uint64_t seed) override;
  envs::ActionView Act(std::span<const double> observation) override;

 private:
  envs::EnvSpec spec_;
  core::Rng rng_;
  std::vector<float> action_;  // [A]
};

struct Episode {
  std::uint64_t seed = 0;
  double episode_return = 0.0;
  std::int64_t length = 0;  // steps
  bool terminated = false;  // whether the task itself ended it
};

// Frames per second at which a task runs in real time; 30 where it has no unit of time.
double RealTimeRate(const envs::EnvSpec& spec);

// One episode from Reset(seed). `after_step` is called after each, with the number of steps so far.
Episode PlayEpisode(envs::Env& env, Actor& actor, std::uint64_t seed,
                    const std::function<void(std::int64_t length)>& after_step);

}  // namespace duet::video
