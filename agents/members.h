// The member axis: ranges of members, their random streams, threads over them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/tensor.h"
#include "core/random.h"

namespace duet::agents {

// Members [first, first + count) of a population, which one thread updates.
struct Shard {
  std::int64_t index = 0;   // of the shard
  std::int64_t thread = 0;  // which one
  std::int64_t first = 0;
  std::int64_t count = 1;

  // The rows of these members, [M, …] -> [count, …], sharing storage; an undefined tensor stays so.
  // `stack` rows belong to each member.
  Tensor Rows(const Tensor& tensor, std::int64_t stack = 1) const;
};

// On the CPU equal shards for each thread where the members divide evenly over the threads, of so
// few members that what an update makes on its way stays in a core's memory. Else one shard of all,
// and threads are taken inside each operation.
std::vector<Shard> MakeShards(std::int64_t members, std::int64_t threads, at::Device device);

// Calls `function` for every shard, those of a thread one after the other, without recording
// gradients. What one of them throws is thrown here when all threads are done.
void ForEachShard(std::span<const Shard> shards, const std::function<void(const Shard&)>& function);

// One stream per member under the same name.
std::vector<core::Rng> MemberStreams(std::span<const std::uint64_t> member_seeds,
                                     std::string_view name);
// Standard normal numbers [m, …], each member's from its own stream in order, on `device`.
Tensor DrawNormal(std::span<core::Rng> rngs, at::IntArrayRef shape, at::Device device);
void SaveStreams(core::ArchiveWriter& archive, const std::string& name,
                 std::span<const core::Rng> rngs);
void LoadStreams(const core::ArchiveReader& archive, const std::string& name,
                 std::span<core::Rng> rngs);

// Row m of `tensor`, [M, …], gets row members[m] of the saved entry `name`. Throws IoError where
// the rows are of another type or shape, or one is not there.
void LoadRows(const core::ArchiveReader& archive, const std::string& name, Tensor tensor,
              std::span<const std::int64_t> members);

// Rows of a stack with `stack` rows per member, for these members: {2} of pairs -> {4, 5}.
std::vector<std::int64_t> StackRows(std::span<const std::int64_t> members, std::int64_t stack);
// 0 … count - 1.
std::vector<std::int64_t> AllMembers(std::int64_t count);

}  // namespace duet::agents
