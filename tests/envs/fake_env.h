// An environment whose every number is known.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "core/error.h"
#include "core/random.h"
#include "envs/env.h"
#include "envs/state_bytes.h"

namespace duet::envs {

// Observation: (steps since the reset, number of the episode, a random number drawn at the reset).
// The reward is the action. Terminates after `episode_steps` steps; throws in step `failing_step`.
class FakeEnv : public Env {
 public:
  struct Plan {
    std::int64_t episode_steps = 1000000;
    std::int64_t failing_step = 0;
    std::string failure = "out of order";
  };

  explicit FakeEnv(Plan plan) : plan_(std::move(plan)) {
    spec_.id = "Fake-v0";
    spec_.observation_size = 3;
    spec_.action_low = {-1.0F};
    spec_.action_high = {1.0F};
  }

  const EnvSpec& spec() const override { return spec_; }

  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override {
    if (seed) rng_.Seed(*seed);
    num_steps_ = 0;
    ++num_episodes_;
    drawn_ = rng_.Uniform(0.0, 1.0);
    Write(observation);
  }

  StepResult Step(ActionView action, std::span<double> observation) override {
    ++num_steps_;
    if (num_steps_ == plan_.failing_step) throw Error(plan_.failure);
    Write(observation);
    StepResult result;
    result.reward = BoxAction(spec_, action)[0];
    result.terminated = num_steps_ == plan_.episode_steps;
    return result;
  }

  EnvQuantities Describe() const override {
    return {.observation = {{"steps", ""}, {"episodes", ""}, {"a random number", ""}},
            .action = {{"the reward", ""}}};
  }

  std::string SaveState() const override {
    StateWriter writer("fake", spec_.id);
    writer.Add(num_steps_);
    writer.Add(num_episodes_);
    writer.Add(drawn_);
    writer.Add(rng_.SaveState());
    return writer.Finish();
  }

  void LoadState(const std::string& state) override {
    StateReader reader("fake", spec_.id, state);
    num_steps_ = reader.Integer();
    num_episodes_ = reader.Integer();
    drawn_ = reader.Number();
    rng_.LoadState(reader.Text());
    reader.Finish();
  }

 private:
  void Write(std::span<double> observation) const {
    observation[0] = static_cast<double>(num_steps_);
    observation[1] = static_cast<double>(num_episodes_);
    observation[2] = drawn_;
  }

  Plan plan_;
  EnvSpec spec_;
  core::Rng rng_;
  std::int64_t num_steps_ = 0;
  std::int64_t num_episodes_ = 0;
  double drawn_ = 0.0;
};

}  // namespace duet::envs
