#include "agents/members.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace duet::agents {
namespace {

TEST(MembersTest, ShardsAreEqualAndFewMembersEach) {
  for (std::int64_t members = 1; members <= 24; ++members) {
    for (std::int64_t threads = 1; threads <= 6; ++threads) {
      SCOPED_TRACE(fmt::format("{} members, {} threads", members, threads));
      const std::vector<Shard> shards = MakeShards(members, threads, at::kCPU);
      std::int64_t next = 0, index = 0;
      for (const Shard& shard : shards) {
        EXPECT_EQ(shard.index, index++);
        EXPECT_EQ(shard.first, next);
        EXPECT_EQ(shard.count, shards.front().count);
        next += shard.count;
      }
      EXPECT_EQ(next, members);
      EXPECT_EQ(shards.front().thread, 0);
      if (members % threads != 0) {
        EXPECT_EQ(shards.size(), 1U);
        continue;
      }
      EXPECT_EQ(shards.back().thread, threads - 1);
      EXPECT_LE(shards.front().count, 5);
    }
  }
  EXPECT_EQ(MakeShards(10, 2, at::kCPU).size(), 2U);
  EXPECT_EQ(MakeShards(10, 1, at::kCPU).size(), 2U);
  EXPECT_EQ(MakeShards(10, 1, at::kCUDA).size(), 1U);
}

TEST(MembersTest, EachShardIsDoneOnceWhateverTheNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    for (const std::int64_t members : {1, 6, 12, 18}) {
      for (const std::int64_t shard_threads : {1, 2, 3, 6}) {
        const std::vector<Shard> shards = MakeShards(members, shard_threads, at::kCPU);
        std::vector<std::atomic<int>> calls(shards.size());
        ForEachShard(shards,
                     [&](const Shard& shard) { ++calls[static_cast<std::size_t>(shard.index)]; });
        for (const auto& count : calls) EXPECT_EQ(count, 1);
      }
    }
  }
  at::set_num_threads(before);
}

TEST(MembersTest, WhatAShardThrowsIsThrown) {
  const std::vector<Shard> shards = MakeShards(6, 2, at::kCPU);
  const auto fail = [](const Shard& shard) {
    if (shard.first > 0) throw std::runtime_error("a shard");
  };
  EXPECT_THROW(ForEachShard(shards, fail), std::runtime_error);
}

}  // namespace
}  // namespace duet::agents
