// Counts what operator new is asked for while environments step.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "envs/async_vector_env.h"
#include "envs/registry.h"
#include "envs/vector_env.h"

namespace {

std::atomic<long> num_allocations{0};

void* Allocate(std::size_t size) {
  num_allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace duet::envs {
namespace {

// The same action for each of N environments.
struct Actions {
  Actions(const EnvSpec& spec, std::size_t count)
      : box(count * static_cast<std::size_t>(spec.action_size()), 0.3F), index(count, 0) {}

  std::vector<float> box;
  std::vector<std::int64_t> index;
};

TEST(AllocationTest, SteppingAllocatesNothing) {
  for (const std::string& id : EnvIds()) {
    VectorEnv env(id, 6, 2);
    env.Reset(std::vector<std::uint64_t>(6, 1));
    const Actions actions(env.spec(), 6);
    const auto step = [&] {
      env.spec().discrete() ? env.Step(actions.index) : env.Step(actions.box);
    };
    step();
    const long before = num_allocations.load();
    int num_ends = 0;
    for (int i = 0; i < 200; ++i) {
      step();
      for (const std::uint8_t ended : env.terminated()) num_ends += ended;
    }
    EXPECT_EQ(num_allocations.load(), before) << id << ", " << num_ends << " ends";
  }
}

TEST(AllocationTest, SteppingAsynchronouslyAllocatesNothing) {
  for (const std::string& id : EnvIds()) {
    AsyncVectorEnv env(id, 6, 2);
    env.Reset(std::vector<std::uint64_t>(6, 1));
    const Actions actions(env.spec(), 6);
    const auto send = [&](std::span<const std::int64_t> rows) {
      const auto width = static_cast<std::size_t>(env.spec().action_size());
      env.spec().discrete() ? env.Send(rows, std::span(actions.index).first(rows.size()))
                            : env.Send(rows, std::span(actions.box).first(rows.size() * width));
    };
    send(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
    send(env.Receive(3));
    const long before = num_allocations.load();
    for (int i = 0; i < 400; ++i) send(env.Receive(3));
    EXPECT_EQ(num_allocations.load(), before) << id;
  }
}

}  // namespace
}  // namespace duet::envs
