// Experience replay with a member axis.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/tensor.h"
#include "core/random.h"

namespace duet::agents {

// One step of all environments of all members, row by row. Observations are raw.
struct Transitions {
  std::span<const float> observations;        // [M, E, O] what the policy saw
  std::span<const float> actions;             // [M, E, A] in [-1, 1]
  std::span<const double> rewards;            // [M, E]
  std::span<const float> final_observations;  // [M, E, O] what came next, before any reset
  std::span<const std::uint8_t> terminated;   // [M, E]
  std::span<const std::uint8_t> truncated;    // [M, E]
};

// A sampled batch on the learner's device.
struct Batch {
  Tensor observations;       // [M, B, O] raw
  Tensor actions;            // [M, B, A]
  Tensor rewards;            // [M, B]
  Tensor next_observations;  // [M, B, O] raw
  Tensor terminated;         // [M, B] 1 where nothing follows, else 0; truncation is not an end
};

// The latest `capacity` transitions of every member, [M, capacity], on the learner's device.
// Members advance together.
class ReplayBuffer {
 public:
  ReplayBuffer(std::int64_t members, std::int64_t capacity, std::int64_t observation_size,
               std::int64_t action_size, at::Device device);

  void Add(const Transitions& transitions);

  // Transitions drawn uniformly with replacement, those of member m with rngs[m]; from the latest
  // `recent` ones where that is positive. Requires size() > 0.
  Batch Sample(std::span<core::Rng> rngs, std::int64_t batch_size, std::int64_t recent = 0) const;

  std::int64_t members() const { return members_; }
  std::int64_t size() const { return size_; }  // transitions per member

  // Member by member, the filled part.
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  // Member m gets the transitions of the saved member members[m].
  void Load(const core::ArchiveReader& archive, const std::string& name,
            std::span<const std::int64_t> members);

  // Transitions per member in a saved buffer.
  static std::int64_t SavedSize(const core::ArchiveReader& archive, const std::string& name);

 private:
  std::int64_t members_;
  std::int64_t capacity_;
  std::int64_t observation_size_;
  std::int64_t action_size_;
  std::int64_t size_ = 0;
  std::int64_t position_ = 0;  // where the next transition goes
  // A transition is one row, so that a batch is one gather:
  // observation, next observation, action, reward, terminated.
  Tensor rows_;  // [M, capacity, 2 O + A + 2]
};

}  // namespace duet::agents
