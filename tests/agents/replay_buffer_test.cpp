#include "agents/replay_buffer.h"

#include <gmock/gmock.h>

#include <set>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kMembers = 2;
constexpr std::int64_t kEnvs = 3;

ReplayBuffer MakeBuffer(std::int64_t capacity) { return {kMembers, capacity, 2, 1, at::kCPU}; }

// The transition of step t, member m, environment e is known by its reward, 1000 m + 3 t + e; the
// other entries follow from it.
void AddStep(ReplayBuffer& buffer, std::int64_t step) {
  std::vector<float> observations, actions, final_observations;
  std::vector<double> rewards;
  std::vector<std::uint8_t> terminated, truncated;
  for (std::int64_t m = 0; m < kMembers; ++m) {
    for (std::int64_t e = 0; e < kEnvs; ++e) {
      const double id = static_cast<double>(1000 * m + kEnvs * step + e);
      const auto value = static_cast<float>(id);
      rewards.push_back(id);
      observations.insert(observations.end(), {value + 0.25F, -value});
      final_observations.insert(final_observations.end(), {value + 0.5F, 2 * value});
      actions.push_back(value / 4000);
      terminated.push_back(static_cast<std::int64_t>(id) % 2 == 0 ? 1 : 0);
      truncated.push_back(1);
    }
  }
  buffer.Add({observations, actions, rewards, final_observations, terminated, truncated});
}

std::vector<core::Rng> Streams(std::uint64_t first = 1) {
  return {core::Rng(first), core::Rng(first + 1)};
}

std::set<std::int64_t> Rewards(const Batch& batch, std::int64_t member) {
  const Tensor row = batch.rewards[member].contiguous();
  const float* value = row.const_data_ptr<float>();
  return {value, value + row.numel()};
}

std::set<std::int64_t> Range(std::int64_t first, std::int64_t end) {
  std::set<std::int64_t> values;
  for (std::int64_t i = first; i < end; ++i) values.insert(values.end(), i);
  return values;
}

TEST(ReplayBufferTest, KeepsTheLatestTransitionsWhereAStepWrapsAround) {
  ReplayBuffer buffer = MakeBuffer(10);  // not a multiple of E
  for (std::int64_t step = 0; step < 7; ++step) AddStep(buffer, step);
  EXPECT_EQ(buffer.size(), 10);
  std::vector<core::Rng> rngs = Streams();
  const Batch batch = buffer.Sample(rngs, {.batch_size = 500});
  EXPECT_EQ(Rewards(batch, 0), Range(11, 21));
  EXPECT_EQ(Rewards(batch, 1), Range(1011, 1021));
}

TEST(ReplayBufferTest, AStepOfMoreEnvironmentsThanTheCapacityLeavesTheLast) {
  ReplayBuffer buffer = MakeBuffer(2);
  AddStep(buffer, 0);
  std::vector<core::Rng> rngs = Streams();
  EXPECT_EQ(Rewards(buffer.Sample(rngs, {.batch_size = 100}), 0), Range(1, 3));
}

TEST(ReplayBufferTest, ATransitionStaysTogether) {
  ReplayBuffer buffer = MakeBuffer(50);
  for (std::int64_t step = 0; step < 20; ++step) AddStep(buffer, step);
  std::vector<core::Rng> rngs = Streams();
  const Batch batch = buffer.Sample(rngs, {.batch_size = 64});
  const Tensor id = batch.rewards;
  EXPECT_TRUE(batch.observations.select(2, 0).equal(id + 0.25));
  EXPECT_TRUE(batch.observations.select(2, 1).equal(-id));
  EXPECT_TRUE(batch.next_observations.select(2, 0).equal(id + 0.5));
  EXPECT_TRUE(batch.next_observations.select(2, 1).equal(id * 2));
  EXPECT_TRUE(batch.actions.select(2, 0).equal(id / 4000));
  EXPECT_TRUE(batch.terminated.equal(at::remainder(id, 2).eq(0).to(at::kFloat)));
}

TEST(ReplayBufferTest, RecentSamplesComeFromTheLatestOnly) {
  ReplayBuffer buffer = MakeBuffer(10);
  for (std::int64_t step = 0; step < 7; ++step) AddStep(buffer, step);
  std::vector<core::Rng> rngs = Streams();
  EXPECT_EQ(Rewards(buffer.Sample(rngs, {.batch_size = 500, .recent = 4}), 0), Range(17, 21));
  EXPECT_EQ(Rewards(buffer.Sample(rngs, {.batch_size = 500, .recent = 1}), 1), Range(1020, 1021));
  EXPECT_EQ(Rewards(buffer.Sample(rngs, {.batch_size = 500, .recent = 99}), 0), Range(11, 21));
}

TEST(ReplayBufferTest, AMemberDrawsFromItsOwnStreamAlone) {
  ReplayBuffer buffer = MakeBuffer(50);
  for (std::int64_t step = 0; step < 10; ++step) AddStep(buffer, step);
  std::vector<core::Rng> rngs = Streams();
  std::vector<core::Rng> others = {core::Rng(99), core::Rng(2)};
  const Batch batch = buffer.Sample(rngs, {.batch_size = 20});
  const Batch other = buffer.Sample(others, {.batch_size = 20});
  EXPECT_TRUE(batch.rewards[1].equal(other.rewards[1]));
  EXPECT_FALSE(batch.rewards[0].equal(other.rewards[0]));
}

TEST(ReplayBufferTest, DrawsUniformly) {
  ReplayBuffer buffer = MakeBuffer(30);
  for (std::int64_t step = 0; step < 10; ++step) AddStep(buffer, step);
  std::vector<core::Rng> rngs = Streams();
  constexpr std::int64_t kDraws = 30'000;
  const Tensor counts =
      at::bincount(buffer.Sample(rngs, {.batch_size = kDraws}).rewards[0].to(at::kLong))
          .to(at::kDouble);
  // Chi-squared with 29 degrees of freedom: above 66 with probability 1e-4.
  const double expected = kDraws / 30.0;
  EXPECT_LT((counts - expected).square().sum().item<double>() / expected, 66.0);
}

TEST(ReplayBufferTest, ContinuesBitForBitAfterLoading) {
  for (const std::int64_t steps : {2, 7}) {  // part filled, wrapped around
    ReplayBuffer buffer = MakeBuffer(10);
    for (std::int64_t step = 0; step < steps; ++step) AddStep(buffer, step);
    const auto archive =
        Written([&](core::ArchiveWriter& writer) { buffer.Save(writer, "replay"); });
    EXPECT_EQ(ReplayBuffer::SavedSize(*archive, "replay"), buffer.size());
    ReplayBuffer other = MakeBuffer(10);
    other.Load(*archive, "replay", std::vector<std::int64_t>{0, 1});
    std::vector<core::Rng> rngs = Streams();
    std::vector<core::Rng> other_rngs = Streams();
    for (std::int64_t step = steps; step < steps + 3; ++step) {
      AddStep(buffer, step);
      AddStep(other, step);
      const Batch batch = buffer.Sample(rngs, {.batch_size = 20});
      const Batch other_batch = other.Sample(other_rngs, {.batch_size = 20});
      EXPECT_TRUE(batch.rewards.equal(other_batch.rewards));
      EXPECT_TRUE(batch.next_observations.equal(other_batch.next_observations));
    }
  }
}

TEST(ReplayBufferTest, SaysWhatDoesNotFit) {
  ReplayBuffer buffer = MakeBuffer(10);
  for (std::int64_t step = 0; step < 7; ++step) AddStep(buffer, step);
  const auto archive = Written([&](core::ArchiveWriter& writer) { buffer.Save(writer, "replay"); });
  for (const std::int64_t capacity : {5, 20}) {
    ReplayBuffer other = MakeBuffer(capacity);
    EXPECT_THAT(
        [&] {
          other.Load(*archive, "replay", std::vector<std::int64_t>{0, 1});
        },
        ThrowsMessage<IoError>(HasSubstr(
            fmt::format("a replay of 10 transitions does not fit a capacity of {}", capacity))));
  }
}

TEST(ReplayBufferTest, RefusesToSampleFromNothing) {
  std::vector<core::Rng> rngs = Streams();
  EXPECT_THAT([&] { MakeBuffer(10).Sample(rngs, {.batch_size = 1}); },
              ThrowsMessage<std::logic_error>(HasSubstr("the replay buffer is empty")));
}

}  // namespace
}  // namespace duet::agents
