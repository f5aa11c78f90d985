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
  // [M, B] gamma^n of returns with n rewards, which `rewards` then holds; undefined: one reward.
  Tensor discounts = {};
  // [M, B, N] standard normal draws, N being as many as the agent asked for; else undefined.
  Tensor noise = {};
};

// Which transitions a batch takes, of m members.
struct BatchIndices {
  Tensor rows;  // [m, B] int64, in the buffer
  Tensor ages;  // [m, B] int64, 1 for the latest transition of the member
};

struct SampleOptions {
  std::int64_t batch_size = 1;
  std::int64_t recent = 0;  // draw from the latest so many; 0: from all
  // Up to n_step rewards in a return, discounted by gamma each step; it ends early at the end of an
  // episode and at the latest transition, and bootstraps from where it ended.
  std::int64_t n_step = 1;
  double gamma = 1.0;
  std::int64_t first_member = 0;  // that the first of the streams belongs to
};

// The latest `capacity` transitions of every member, [M, capacity], on the learner's device.
// Members advance together.
class ReplayBuffer {
 public:
  ReplayBuffer(std::int64_t members, std::int64_t capacity, std::int64_t observation_size,
               std::int64_t action_size, at::Device device);

  void Add(const Transitions& transitions);

  // Transitions drawn uniformly with replacement, for as many members as there are streams, each
  // with its own. Requires size() > 0.
  Batch Sample(std::span<core::Rng> rngs, const SampleOptions& options) const;
  // The two halves of Sample. Draw writes into tensors of the host; Gather reads the device's alone
  // and waits for nothing.
  void Draw(std::span<core::Rng> rngs, const SampleOptions& options,
            const BatchIndices& indices) const;
  Batch Gather(const BatchIndices& indices, const SampleOptions& options) const;

  // Bytes that a buffer of this size takes when it is full.
  static std::int64_t Bytes(std::int64_t members, std::int64_t capacity,
                            std::int64_t observation_size, std::int64_t action_size);

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
  Batch ToBatch(const Tensor& rows) const;
  // The same of the rows with these indices, on the host.
  Batch CopyBatch(const Tensor& indices) const;
  // Turns a batch of first transitions, whose rows are given, into n-step returns.
  void Extend(Batch& batch, const Tensor& first_rows, const BatchIndices& indices,
              const SampleOptions& options) const;
  Tensor GatherRows(const Tensor& indices) const;

  std::int64_t members_;
  std::int64_t capacity_;
  std::int64_t observation_size_;
  std::int64_t action_size_;
  std::int64_t size_ = 0;
  std::int64_t position_ = 0;  // where the next transition goes
  std::int64_t stride_ = 1;    // rows from a transition to the next one of its environment
  // A transition is one row, so that a batch is one gather: observation, next observation, action,
  // reward, end (1 terminated, -1 truncated, 0 neither).
  Tensor rows_;  // [M, capacity, 2 O + A + 2]
};

}  // namespace duet::agents
