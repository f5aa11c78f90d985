// Counts what operator new is asked for while environments step.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

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

TEST(AllocationTest, SteppingAllocatesNothing) {
  for (const std::string& id : EnvIds()) {
    VectorEnv env(id, 6, 2);
    env.Reset(std::vector<std::uint64_t>(6, 1));
    const std::vector<float> boxes(static_cast<std::size_t>(6 * env.spec().action_size()), 0.3F);
    const std::vector<std::int64_t> indices(6, 0);
    const auto step = [&] { env.spec().discrete() ? env.Step(indices) : env.Step(boxes); };
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

}  // namespace
}  // namespace duet::envs
