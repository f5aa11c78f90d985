// Counts what is asked of the heap, by this program and by the libraries that it loads, while
// environments step and episodes begin.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "envs/async_vector_env.h"
#include "envs/registry.h"
#include "envs/vector_env.h"
#include "tests/envs/player.h"
#include "tests/envs/wrapped.h"

// glibc lets a program replace malloc, for itself and its libraries; operator new ends there too.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::atomic<long> num_allocations{0};

void Count() { num_allocations.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  Count();
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  Count();
  return __libc_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
  Count();
  return __libc_realloc(memory, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  Count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  Count();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

namespace duet::envs {
namespace {

// The same action for each of N environments.
struct Actions {
  Actions(const EnvSpec& spec, std::size_t count)
      : box(count * static_cast<std::size_t>(spec.action_size()), 0.3F), index(count, 0) {}

  std::vector<float> box;
  std::vector<std::int64_t> index;
};

// How many allocations `action` makes.
template <typename Action>
long Allocations(Action&& action) {
  const long before = num_allocations.load();
  action();
  return num_allocations.load() - before;
}

TEST(AllocationTest, AllocationsOfAllKindsAreCounted) {
  void* memory = nullptr;
  EXPECT_EQ(Allocations([&] { memory = std::aligned_alloc(64, 64); }), 1);
  std::free(memory);
  EXPECT_EQ(Allocations([&] { memory = std::malloc(10); }), 1);
  EXPECT_EQ(Allocations([&] { memory = std::realloc(memory, 1000); }), 1);
  std::free(memory);
  std::optional<std::vector<int>> numbers;
  EXPECT_EQ(Allocations([&] { numbers.emplace(100); }), 1);
  // By a library that is loaded with the program.
  std::unique_ptr<Env> env;
  EXPECT_GT(Allocations([&] { env = MakeEnv("Hopper-v5"); }), 0);
}

// In steps and in resets without a seed.
void ExpectNoAllocations(const Subject& subject) {
  constexpr std::int64_t kLimit = 30;
  const auto env = subject.make(kLimit);
  const EnvSpec& spec = env->spec();
  std::vector<double> observation(static_cast<std::size_t>(spec.observation_size));
  const std::vector<float> box(spec.action_low.size(), 0.3F);
  const ActionView action = spec.discrete() ? ActionView(std::int64_t{0}) : ActionView(box);
  const auto play = [&] {
    for (int i = 0; i < kLimit; ++i) {
      const StepResult result = env->Step(action, observation);
      if (result.terminated || result.truncated) break;
    }
  };
  env->Reset(1, observation);
  play();
  for (int episode = 0; episode < 5; ++episode) {
    EXPECT_EQ(Allocations([&] { env->Reset(std::nullopt, observation); }), 0) << subject.name;
    EXPECT_EQ(Allocations(play), 0) << subject.name;
  }
}

TEST(AllocationTest, StepsAndResetsAllocateNothing) {
  for (const std::string& id : EnvIds()) {
    ExpectNoAllocations({.name = id, .make = [&](auto limit) { return MakeEnv(id, {}, limit); }});
  }
}

TEST(AllocationTest, ResetsWithASeedAllocateNothing) {
  for (const std::string& id : EnvIds()) {
    Player player(MakeEnv(id));
    player.Play(1, 20);
    EXPECT_EQ(Allocations([&] { player.Reset(2); }), 0) << id;
  }
}

TEST(AllocationTest, WrappersAllocateNothing) {
  for (const Subject& subject : WrappedSubjects()) ExpectNoAllocations(subject);
}

TEST(AllocationTest, SteppingManyAllocatesNothing) {
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

TEST(AllocationTest, SteppingManyAsynchronouslyAllocatesNothing) {
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
