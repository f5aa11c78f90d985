#include "envs/vector_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "envs/env_rows.h"
#include "envs/registry.h"
#include "envs/waiter.h"

namespace duet::envs {
namespace {

// A contiguous part of the rows, owned by one thread. A thread that is done with its own rows takes
// what is left of the others', so that none waits long where episodes or cores differ; a row is the
// same whoever computes it. `next` is also what hands a task over: the caller sets it last, and who
// takes a row from it sees all that the caller wrote before.
struct alignas(kCacheLine) Share {
  std::int64_t end = 0;
  std::int64_t begin = 0;
  std::vector<double> observation;                        // [O] scratch of the owner
  alignas(kCacheLine) std::atomic<std::int64_t> next{0};  // the first row that nobody took yet
};

}  // namespace

struct VectorEnv::Impl {
  Impl(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
       std::int64_t num_threads);
  ~Impl();

  // Does `task` on all rows, on all threads.
  enum class Task { kReset, kStep };
  void Run(Task task);
  // Takes rows until none is left; returns how many.
  std::uint32_t RunShares(std::size_t own);
  void DoRow(std::int64_t row, std::span<double> scratch);
  void WorkerLoop(std::size_t own);

  EnvRows rows;

  // Of the task that runs; written by the caller while no row of another task is left.
  Task task = Task::kReset;
  std::span<const float> actions;         // [N, A], box actions
  std::span<const std::int64_t> indices;  // [N], discrete actions
  std::span<const std::uint64_t> seeds;   // [N]

  std::mutex failure_mutex;
  std::int64_t failed_row = 0;
  std::exception_ptr failure;

  std::vector<Share> shares;  // one per thread; the first is the caller's
  alignas(kCacheLine) std::atomic<std::uint32_t> generation{0};  // tasks started; wakes workers
  alignas(kCacheLine) std::atomic<std::uint32_t> rows_left{0};   // of the task that runs
  std::atomic<bool> stopping{false};
  Waiter end_waiter;                             // of the caller, for `rows_left`
  std::optional<boost::asio::thread_pool> pool;  // absent with one thread
};

VectorEnv::Impl::Impl(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
                      std::int64_t num_threads)
    : rows(make, count) {
  if (num_threads <= 0) {
    throw ConfigError(fmt::format("{} actor threads; allowed is a number above 0", num_threads));
  }
  const std::int64_t num_shares = std::min(count, num_threads);
  shares = std::vector<Share>(static_cast<std::size_t>(num_shares));
  for (std::int64_t i = 0; i < num_shares; ++i) {
    Share& share = shares[static_cast<std::size_t>(i)];
    share.begin = count * i / num_shares;
    share.end = count * (i + 1) / num_shares;
    share.observation.resize(static_cast<std::size_t>(rows.spec().observation_size));
  }
  if (num_shares == 1) return;
  pool.emplace(static_cast<std::size_t>(num_shares - 1));
  for (std::size_t i = 1; i < shares.size(); ++i) {
    boost::asio::post(*pool, [this, i] { WorkerLoop(i); });
  }
}

VectorEnv::Impl::~Impl() {
  if (!pool) return;
  stopping.store(true, std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  pool->join();
}

void VectorEnv::Impl::WorkerLoop(std::size_t own) {
  std::uint32_t seen = 0;
  Waiter waiter;
  while (true) {
    waiter.WaitForChange(generation, seen);
    seen = generation.load(std::memory_order_acquire);
    if (stopping.load(std::memory_order_relaxed)) return;
    const std::uint32_t num_done = RunShares(own);
    if (num_done > 0 && rows_left.fetch_sub(num_done, std::memory_order_acq_rel) == num_done) {
      rows_left.notify_one();
    }
  }
}

void VectorEnv::Impl::Run(Task new_task) {
  task = new_task;
  failure = nullptr;
  failed_row = std::numeric_limits<std::int64_t>::max();
  rows_left.store(static_cast<std::uint32_t>(rows.size()), std::memory_order_relaxed);
  for (Share& share : shares) share.next.store(share.begin, std::memory_order_release);
  if (pool) {
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }
  // What counts is that all rows are done, not that all workers have come: one that wakes up late
  // finds nothing to do, or rows of the next task.
  rows_left.fetch_sub(RunShares(0), std::memory_order_acq_rel);
  for (std::uint32_t left = rows_left.load(std::memory_order_acquire); left != 0;
       left = rows_left.load(std::memory_order_acquire)) {
    end_waiter.WaitForChange(rows_left, left);
  }
  if (failure) std::rethrow_exception(failure);
}

std::uint32_t VectorEnv::Impl::RunShares(std::size_t own) {
  std::uint32_t num_done = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    Share& share = shares[(own + i) % shares.size()];
    while (true) {
      const std::int64_t row = share.next.fetch_add(1, std::memory_order_acquire);
      if (row >= share.end) break;
      try {
        DoRow(row, shares[own].observation);
      } catch (...) {
        const std::lock_guard lock(failure_mutex);
        if (row < failed_row) {
          failed_row = row;
          failure = std::current_exception();
        }
      }
      ++num_done;
    }
  }
  return num_done;
}

void VectorEnv::Impl::DoRow(std::int64_t row, std::span<double> scratch) {
  const auto i = static_cast<std::size_t>(row);
  switch (task) {
    case Task::kReset:
      rows.Reset(row, seeds[i], scratch);
      return;
    case Task::kStep: {
      const auto width = static_cast<std::size_t>(rows.spec().action_size());
      rows.Step(row,
                rows.spec().discrete() ? ActionView(indices[i])
                                       : ActionView(actions.subspan(i * width, width)),
                scratch);
      return;
    }
  }
}

VectorEnv::VectorEnv(std::string_view id, std::int64_t count, std::int64_t num_threads,
                     const EnvOptions& options)
    : VectorEnv([&] { return MakeEnv(id, options); }, count, num_threads) {}

VectorEnv::VectorEnv(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
                     std::int64_t num_threads)
    : impl_(std::make_unique<Impl>(make, count, num_threads)) {}

VectorEnv::~VectorEnv() = default;

const EnvSpec& VectorEnv::spec() const { return impl_->rows.spec(); }

std::int64_t VectorEnv::size() const { return impl_->rows.size(); }

void VectorEnv::Reset(std::span<const std::uint64_t> seeds) {
  if (std::cmp_not_equal(seeds.size(), size())) {
    throw std::logic_error(fmt::format("{} seeds for {} environments", seeds.size(), size()));
  }
  impl_->seeds = seeds;
  impl_->Run(Impl::Task::kReset);
}

void VectorEnv::Step(std::span<const std::int64_t> actions) {
  if (!spec().discrete() || std::cmp_not_equal(actions.size(), size())) {
    throw std::logic_error(fmt::format("{} action indices for {} environments with {}",
                                       actions.size(), size(),
                                       spec().discrete() ? "one each" : "box actions"));
  }
  impl_->indices = actions;
  impl_->Run(Impl::Task::kStep);
}

void VectorEnv::Step(std::span<const float> actions) {
  if (spec().discrete() || std::cmp_not_equal(actions.size(), size() * spec().action_size())) {
    throw std::logic_error(fmt::format("{} action values for {} environments with {} each",
                                       actions.size(), size(), spec().action_size()));
  }
  impl_->actions = actions;
  impl_->Run(Impl::Task::kStep);
}

std::span<const float> VectorEnv::observations() const { return impl_->rows.observations(); }
std::span<const float> VectorEnv::final_observations() const {
  return impl_->rows.final_observations();
}
std::span<const double> VectorEnv::rewards() const { return impl_->rows.rewards(); }
std::span<const std::uint8_t> VectorEnv::terminated() const { return impl_->rows.terminated(); }
std::span<const std::uint8_t> VectorEnv::truncated() const { return impl_->rows.truncated(); }

std::string VectorEnv::SaveState() const { return impl_->rows.SaveState(); }

void VectorEnv::LoadState(const std::string& state) { impl_->rows.LoadState(state); }

}  // namespace duet::envs
