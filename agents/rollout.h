// What on-policy agents collect between updates.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agents/replay_buffer.h"
#include "agents/tensor.h"

namespace duet::agents {

// What the policy saw and drew in one step of every environment, as it learns from it.
struct Decisions {
  std::span<const float> observations;  // [M, E, O] normalised as they were acted on
  std::span<const float> actions;       // [M, E, A] before any clipping
  std::span<const float> log_probs;     // [M, E] of these actions
};

// T steps of the E environments of every member, N = T E transitions. Step t of environment e is
// row t E + e. On the host, where experience is made.
class Rollout {
 public:
  Rollout(std::int64_t members, std::int64_t envs, std::int64_t steps,
          std::int64_t observation_size, std::int64_t action_size);

  // Appends a step. `rewards`, [M, E], are those to learn from; of `transitions` the final
  // observations and the ends are taken. Requires that the rollout is not full.
  void Add(const Decisions& decisions, std::span<const float> rewards,
           const Transitions& transitions);
  void Clear() { num_steps_ = 0; }

  bool full() const { return num_steps_ == steps_; }
  std::int64_t num_steps() const { return num_steps_; }  // taken
  std::int64_t envs() const { return envs_; }
  std::int64_t size() const { return steps_ * envs_; }  // N when full

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

  Tensor observations;       // [M, N, O] normalised
  Tensor next_observations;  // [M, N, O] raw
  Tensor actions;            // [M, N, A]
  Tensor log_probs;          // [M, N]
  Tensor rewards;            // [M, N]
  Tensor terminated;         // [M, N] uint8
  Tensor truncated;          // [M, N] uint8

 private:
  // Copies step-wise values, [M, E, …], to where they belong in `to`, [M, N, …].
  template <typename T>
  void Append(const Tensor& to, std::span<const T> values) const;

  std::int64_t members_;
  std::int64_t envs_;
  std::int64_t steps_;
  std::int64_t num_steps_ = 0;
};

}  // namespace duet::agents
