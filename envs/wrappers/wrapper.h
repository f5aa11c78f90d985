// Environments around an environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"
#include "envs/state_bytes.h"

namespace duet::envs {

// Says of each number what a wrapper made of it: "angle of the knee, with noise".
void Annotate(std::vector<Quantity>& quantities, std::string_view text);
// The same where its size, too, is another: it loses its unit.
void AnnotateScaled(std::vector<Quantity>& quantities, std::string_view text);
// "1 step", "3 steps"
std::string StepsText(std::size_t count);

// Owns another environment and passes everything on to it. A wrapper overrides what it changes: of
// the spec in its constructor, of resets and steps, of what the numbers mean, and its own part of
// the state. Wrappers nest in any order; unless said otherwise they leave `terminated` and
// `truncated` as they are, take boxes and discrete actions, and throw ConfigError where they do not
// fit the environment or a setting is out of range. A step allocates no memory.
class Wrapper : public Env {
 public:
  const EnvSpec& spec() const final { return spec_; }
  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override {
    env_->Reset(seed, observation);
  }
  StepResult Step(ActionView action, std::span<double> observation) override {
    return env_->Step(action, observation);
  }
  // The wrapper's own state, then the inner environment's. After a LoadState that failed, only
  // Reset or another LoadState may follow.
  std::string SaveState() const final;
  void LoadState(const std::string& state) final;
  EnvQuantities Describe() const override { return env_->Describe(); }
  const Env& unwrapped() const final { return env_->unwrapped(); }

  const Env& inner() const { return *env_; }

 protected:
  // `tag` says in a saved state whose part this is; it must live as long as the wrapper.
  Wrapper(std::string_view tag, std::unique_ptr<Env> env);

  Env& inner() { return *env_; }
  // For constructors: what this environment looks like; at first what the inner one does.
  EnvSpec& mutable_spec() { return spec_; }
  // Throws ConfigError unless actions are boxes.
  void RequireBox(std::string_view wrapper) const;
  // Throws ConfigError "ID: NAME = VALUE; allowed is ALLOWED".
  [[noreturn]] void Refuse(std::string_view name, double value, std::string_view allowed) const;
  // Throws std::logic_error unless there is room for spec().observation_size numbers.
  void RequireRoom(std::span<const double> observation) const;

 private:
  virtual void SaveOwnState(StateWriter& /*writer*/) const {}
  virtual void LoadOwnState(StateReader& /*reader*/) {}

  std::string_view tag_;
  std::unique_ptr<Env> env_;
  EnvSpec spec_;
};

}  // namespace duet::envs
