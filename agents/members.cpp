#include "agents/members.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <numeric>

#include "agents/without_autograd.h"
#include "core/error.h"

namespace duet::agents {
namespace {

// Of networks of 64x64 and batches of 100 ten members together take 1.2 times as long as one by
// one, and five no longer.
constexpr std::int64_t kFewMembers = 5;

}  // namespace

Tensor Shard::Rows(const Tensor& tensor, std::int64_t stack) const {
  if (!tensor.defined() || tensor.size(0) == count * stack) return tensor;
  return tensor.narrow(0, first * stack, count * stack);
}

std::vector<Shard> MakeShards(std::int64_t members, std::int64_t threads, at::Device device) {
  if (!device.is_cpu() || members % threads != 0) return {{.count = members}};
  const std::int64_t per_thread = members / threads;
  std::int64_t parts = 1;
  while (per_thread % parts != 0 || per_thread / parts > kFewMembers) ++parts;
  const std::int64_t count = per_thread / parts;
  std::vector<Shard> shards;
  for (std::int64_t i = 0; i < threads * parts; ++i) {
    shards.push_back({.index = i, .thread = i / parts, .first = i * count, .count = count});
  }
  return shards;
}

void ForEachShard(std::span<const Shard> shards,
                  const std::function<void(const Shard&)>& function) {
  const auto call = [&](std::int64_t begin, std::int64_t end) {
    const WithoutAutograd no_autograd;
    for (const Shard& shard : shards) {
      if (begin <= shard.thread && shard.thread < end) function(shard);
    }
  };
  const std::int64_t first = shards.front().thread, end = shards.back().thread + 1;
  if (end - first == 1) return call(first, end);
  at::parallel_for(first, end, 1, call);
}

std::vector<core::Rng> MemberStreams(std::span<const std::uint64_t> member_seeds,
                                     std::string_view name) {
  std::vector<core::Rng> rngs;
  for (const std::uint64_t seed : member_seeds) rngs.emplace_back(core::SplitSeed(seed, name));
  return rngs;
}

Tensor DrawNormal(std::span<core::Rng> rngs, at::IntArrayRef shape, at::Device device) {
  Tensor draws = at::empty(shape, at::kFloat);
  const std::int64_t per_member = draws.numel() / static_cast<std::int64_t>(rngs.size());
  float* value = draws.mutable_data_ptr<float>();
  for (core::Rng& rng : rngs) {
    for (std::int64_t i = 0; i < per_member; ++i) *value++ = static_cast<float>(rng.Normal());
  }
  return draws.to(device);
}

void SaveStreams(core::ArchiveWriter& archive, const std::string& name,
                 std::span<const core::Rng> rngs) {
  for (std::size_t m = 0; m < rngs.size(); ++m) {
    archive.AddText(fmt::format("{}.{}", name, m), rngs[m].SaveState());
  }
}

void LoadStreams(const core::ArchiveReader& archive, const std::string& name,
                 std::span<core::Rng> rngs) {
  for (std::size_t m = 0; m < rngs.size(); ++m) {
    rngs[m].LoadState(archive.GetText(fmt::format("{}.{}", name, m)));
  }
}

void LoadRows(const core::ArchiveReader& archive, const std::string& name, Tensor tensor,
              std::span<const std::int64_t> members) {
  const Tensor saved = ReadTensor(archive, name);
  const bool fits = saved.dim() == tensor.dim() && saved.scalar_type() == tensor.scalar_type() &&
                    saved.sizes().slice(1) == tensor.sizes().slice(1);
  if (!fits) {
    throw IoError(fmt::format(
        "{}: \"{}\" has rows of shape [{}]; this run needs [{}]", archive.path().string(), name,
        fmt::join(saved.sizes().slice(1), ", "), fmt::join(tensor.sizes().slice(1), ", ")));
  }
  for (std::size_t m = 0; m < members.size(); ++m) {
    if (members[m] < 0 || members[m] >= saved.size(0)) {
      throw IoError(fmt::format("{}: member {} is asked for; there are {}", archive.path().string(),
                                members[m], saved.size(0)));
    }
    tensor[static_cast<std::int64_t>(m)].copy_(saved[members[m]]);
  }
}

std::vector<std::int64_t> StackRows(std::span<const std::int64_t> members, std::int64_t stack) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t member : members) {
    for (std::int64_t i = 0; i < stack; ++i) rows.push_back(member * stack + i);
  }
  return rows;
}

std::vector<std::int64_t> AllMembers(std::int64_t count) {
  std::vector<std::int64_t> members(static_cast<std::size_t>(count));
  std::iota(members.begin(), members.end(), 0);
  return members;
}

}  // namespace duet::agents
