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
#include "envs/registry.h"
#include "envs/state_bytes.h"

namespace duet::envs {
namespace {

constexpr std::size_t kCacheLine = 64;  // bytes

// How often a waiting thread looks before it sleeps: some ten microseconds, enough for the gap
// between threads that share the work evenly, little where the caller does something else between
// steps.
constexpr int kLooksBeforeSleep = 400;

inline void Relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Returns once `value` is no longer `old`.
void WaitForChange(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int i = 0; i < kLooksBeforeSleep; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    Relax();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

// A contiguous part of the rows, owned by one thread. A thread that is done with its own rows takes
// what is left of the others', so that none waits long where episodes or cores differ; a row is the
// same whoever computes it.
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
  void RunShares(std::size_t own);
  void DoRow(std::int64_t row, std::span<double> scratch);
  void WorkerLoop(std::size_t own);

  void WriteRow(std::vector<float>& rows, std::int64_t row, std::span<const double> values) const {
    std::transform(values.begin(), values.end(), rows.begin() + row * observation_size,
                   [](double value) { return static_cast<float>(value); });
  }

  EnvSpec spec;
  std::int64_t observation_size = 0;  // O
  std::int64_t action_size = 0;       // A
  std::vector<std::unique_ptr<Env>> envs;
  std::vector<float> observations;        // [N, O]
  std::vector<float> final_observations;  // [N, O]
  std::vector<double> rewards;            // [N]
  std::vector<std::uint8_t> terminated;   // [N]
  std::vector<std::uint8_t> truncated;    // [N]

  // Of the task that runs; written by the caller before `generation` changes.
  Task task = Task::kReset;
  std::span<const float> actions;        // [N, A]
  std::span<const std::uint64_t> seeds;  // [N]
  bool stopping = false;

  std::mutex failure_mutex;
  std::int64_t failed_row = 0;
  std::exception_ptr failure;

  std::vector<Share> shares;  // one per thread; the first is the caller's
  alignas(kCacheLine) std::atomic<std::uint32_t> generation{0};  // tasks started
  alignas(kCacheLine) std::atomic<std::uint32_t> pending{0};     // workers that are not done
  std::optional<boost::asio::thread_pool> pool;                  // absent with one thread
};

VectorEnv::Impl::Impl(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
                      std::int64_t num_threads) {
  if (count <= 0) {
    throw ConfigError(fmt::format("{} environments; allowed is a number above 0", count));
  }
  if (num_threads <= 0) {
    throw ConfigError(fmt::format("{} actor threads; allowed is a number above 0", num_threads));
  }
  for (std::int64_t i = 0; i < count; ++i) envs.push_back(make());
  spec = envs.front()->spec();
  observation_size = spec.observation_size;
  action_size = spec.action_size();
  const auto n = static_cast<std::size_t>(count);
  observations.resize(n * static_cast<std::size_t>(observation_size));
  final_observations.resize(observations.size());
  rewards.resize(n);
  terminated.resize(n);
  truncated.resize(n);

  const std::int64_t num_shares = std::min(count, num_threads);
  shares = std::vector<Share>(static_cast<std::size_t>(num_shares));
  for (std::int64_t i = 0; i < num_shares; ++i) {
    Share& share = shares[static_cast<std::size_t>(i)];
    share.begin = count * i / num_shares;
    share.end = count * (i + 1) / num_shares;
    share.observation.resize(static_cast<std::size_t>(observation_size));
  }
  if (num_shares == 1) return;
  pool.emplace(static_cast<std::size_t>(num_shares - 1));
  for (std::size_t i = 1; i < shares.size(); ++i) {
    boost::asio::post(*pool, [this, i] { WorkerLoop(i); });
  }
}

VectorEnv::Impl::~Impl() {
  if (!pool) return;
  stopping = true;
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  pool->join();
}

void VectorEnv::Impl::WorkerLoop(std::size_t own) {
  std::uint32_t seen = 0;
  while (true) {
    WaitForChange(generation, seen);
    ++seen;
    if (stopping) return;
    RunShares(own);
    if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) pending.notify_one();
  }
}

void VectorEnv::Impl::Run(Task new_task) {
  task = new_task;
  failure = nullptr;
  failed_row = std::numeric_limits<std::int64_t>::max();
  for (Share& share : shares) share.next.store(share.begin, std::memory_order_relaxed);
  if (pool) {
    pending.store(static_cast<std::uint32_t>(shares.size() - 1), std::memory_order_relaxed);
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }
  RunShares(0);
  if (pool) {
    for (std::uint32_t left = pending.load(std::memory_order_acquire); left != 0;
         left = pending.load(std::memory_order_acquire)) {
      WaitForChange(pending, left);
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void VectorEnv::Impl::RunShares(std::size_t own) {
  for (std::size_t i = 0; i < shares.size(); ++i) {
    Share& share = shares[(own + i) % shares.size()];
    while (true) {
      const std::int64_t row = share.next.fetch_add(1, std::memory_order_relaxed);
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
    }
  }
}

void VectorEnv::Impl::DoRow(std::int64_t row, std::span<double> scratch) {
  const auto i = static_cast<std::size_t>(row);
  Env& env = *envs[i];
  switch (task) {
    case Task::kReset:
      rewards[i] = 0.0;
      terminated[i] = 0;
      truncated[i] = 0;
      env.Reset(seeds[i], scratch);
      WriteRow(observations, row, scratch);
      WriteRow(final_observations, row, scratch);
      return;
    case Task::kStep: {
      const auto width = static_cast<std::size_t>(action_size);
      const StepResult result = env.Step(actions.subspan(i * width, width), scratch);
      rewards[i] = result.reward;
      terminated[i] = result.terminated ? 1 : 0;
      truncated[i] = result.truncated ? 1 : 0;
      WriteRow(final_observations, row, scratch);
      if (result.terminated || result.truncated) env.Reset(std::nullopt, scratch);
      WriteRow(observations, row, scratch);
      return;
    }
  }
}

VectorEnv::VectorEnv(std::string_view id, std::int64_t count, std::int64_t num_threads)
    : VectorEnv([id] { return MakeEnv(id); }, count, num_threads) {}

VectorEnv::VectorEnv(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
                     std::int64_t num_threads)
    : impl_(std::make_unique<Impl>(make, count, num_threads)) {}

VectorEnv::~VectorEnv() = default;

const EnvSpec& VectorEnv::spec() const { return impl_->spec; }

std::int64_t VectorEnv::size() const { return static_cast<std::int64_t>(impl_->envs.size()); }

void VectorEnv::Reset(std::span<const std::uint64_t> seeds) {
  if (seeds.size() != impl_->envs.size()) {
    throw std::logic_error(
        fmt::format("{} seeds for {} environments", seeds.size(), impl_->envs.size()));
  }
  impl_->seeds = seeds;
  impl_->Run(Impl::Task::kReset);
}

void VectorEnv::Step(std::span<const float> actions) {
  if (std::cmp_not_equal(actions.size(), size() * impl_->action_size)) {
    throw std::logic_error(fmt::format("{} action values for {} environments with {} each",
                                       actions.size(), size(), impl_->action_size));
  }
  impl_->actions = actions;
  impl_->Run(Impl::Task::kStep);
}

std::span<const float> VectorEnv::observations() const { return impl_->observations; }
std::span<const float> VectorEnv::final_observations() const { return impl_->final_observations; }
std::span<const double> VectorEnv::rewards() const { return impl_->rewards; }
std::span<const std::uint8_t> VectorEnv::terminated() const { return impl_->terminated; }
std::span<const std::uint8_t> VectorEnv::truncated() const { return impl_->truncated; }

std::string VectorEnv::SaveState() const {
  StateWriter writer("vector", impl_->spec.id);
  writer.Add(size());
  for (const auto& env : impl_->envs) writer.Add(env->SaveState());
  writer.Add(std::span<const float>(impl_->observations));
  writer.Add(std::span<const float>(impl_->final_observations));
  writer.Add(std::span<const double>(impl_->rewards));
  writer.Add(std::span<const std::uint8_t>(impl_->terminated));
  writer.Add(std::span<const std::uint8_t>(impl_->truncated));
  return writer.Finish();
}

void VectorEnv::LoadState(const std::string& state) {
  StateReader reader("vector", impl_->spec.id, state);
  const std::int64_t count = reader.Integer();
  if (count != size()) {
    throw IoError(fmt::format("{}: the saved state is one of {} environments; allowed is one of {}",
                              impl_->spec.id, count, size()));
  }
  for (const auto& env : impl_->envs) env->LoadState(reader.Text());
  reader.Fill(std::span(impl_->observations));
  reader.Fill(std::span(impl_->final_observations));
  reader.Fill(std::span(impl_->rewards));
  reader.Fill(std::span(impl_->terminated));
  reader.Fill(std::span(impl_->truncated));
  reader.Finish();
}

}  // namespace duet::envs
