#include "envs/async_vector_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "envs/env_rows.h"
#include "envs/registry.h"
#include "envs/row_queues.h"
#include "envs/waiter.h"

namespace duet::envs {
namespace {

// Where a row is, as the caller knows it.
enum class Place : std::uint8_t { kHere, kUnderWay, kFailed };

}  // namespace

RowError::RowError(std::int64_t row, const std::string& what)
    : Error(fmt::format("environment {}: {}", row, what)), row_(row) {}

struct AsyncVectorEnv::Impl {
  Impl(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
       std::int64_t num_threads);
  ~Impl();

  // Throws where a row cannot be sent; `failed_too` where it may have failed.
  void Check(std::span<const std::int64_t> rows, bool failed_too);
  void Push(std::span<const std::int64_t> rows);
  // Waits for what is under way, and forgets it and its errors.
  void Settle();
  [[noreturn]] void ThrowErrorOf(std::int64_t row);

  void WorkerLoop(std::span<double> scratch);
  void DoRow(std::int64_t row, std::span<double> scratch);
  std::span<float> Action(std::int64_t row) {
    const auto width = static_cast<std::size_t>(rows.spec().action_size());
    return std::span(actions).subspan(static_cast<std::size_t>(row) * width, width);
  }

  EnvRows rows;

  // The caller's.
  std::vector<Place> places;           // [N]
  std::vector<std::int64_t> received;  // [N] what Receive returns a part of
  std::int64_t num_under_way = 0;

  // Of a row that is under way; the caller's before, a worker's meanwhile.
  std::vector<float> actions;              // [N, A] box actions
  std::vector<std::int64_t> indices;       // [N] discrete actions
  std::vector<std::uint8_t> resets;        // [N] whether the row is to be reset, from ...
  std::vector<std::uint64_t> seeds;        // [N] ... this seed
  std::vector<std::exception_ptr> errors;  // [N]

  SentRows sent;
  ReadyRows ready;
  alignas(kCacheLine) std::atomic<std::uint32_t> generation{0};  // of Push; wakes the workers
  std::atomic<bool> stopping{false};
  std::int64_t num_workers;
  std::vector<std::vector<double>> scratches;  // one [O] per worker
  std::optional<boost::asio::thread_pool> pool;
};

AsyncVectorEnv::Impl::Impl(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
                           std::int64_t num_threads)
    : rows(make, count),
      places(static_cast<std::size_t>(count)),
      received(places.size()),
      actions(places.size() * static_cast<std::size_t>(rows.spec().action_size())),
      indices(places.size()),
      resets(places.size()),
      seeds(places.size()),
      errors(places.size()),
      sent(places.size()),
      ready(places.size()),
      num_workers(std::min(num_threads, count)) {
  if (num_threads <= 0) {
    throw ConfigError(fmt::format("{} actor threads; allowed is a number above 0", num_threads));
  }
  for (std::int64_t i = 0; i < num_workers; ++i) {
    scratches.emplace_back(static_cast<std::size_t>(rows.spec().observation_size));
  }
  pool.emplace(scratches.size());
  for (std::vector<double>& scratch : scratches) {
    boost::asio::post(*pool, [this, &scratch] { WorkerLoop(scratch); });
  }
}

AsyncVectorEnv::Impl::~Impl() {
  if (!pool) return;
  stopping.store(true, std::memory_order_relaxed);
  generation.fetch_add(1, std::memory_order_release);
  generation.notify_all();
  pool->join();
}

void AsyncVectorEnv::Impl::WorkerLoop(std::span<double> scratch) {
  Waiter waiter;
  while (true) {
    // Before looking for rows: a push after the look changes it, and the wait below ends at once.
    const std::uint32_t seen = generation.load(std::memory_order_acquire);
    if (stopping.load(std::memory_order_relaxed)) return;
    while (const std::optional<std::int64_t> row = sent.Take()) {
      DoRow(*row, scratch);
      ready.Push(*row);
    }
    waiter.WaitForChange(generation, seen);
  }
}

void AsyncVectorEnv::Impl::DoRow(std::int64_t row, std::span<double> scratch) {
  const auto i = static_cast<std::size_t>(row);
  try {
    if (resets[i] != 0) {
      rows.Reset(row, seeds[i], scratch);
    } else if (rows.spec().discrete()) {
      rows.Step(row, indices[i], scratch);
    } else {
      rows.Step(row, std::span<const float>(Action(row)), scratch);
    }
  } catch (...) {
    errors[i] = std::current_exception();
  }
}

void AsyncVectorEnv::Impl::Check(std::span<const std::int64_t> sent_rows, bool failed_too) {
  for (std::size_t i = 0; i < sent_rows.size(); ++i) {
    const std::int64_t row = sent_rows[i];
    const auto refuse = [&](std::string_view why) {
      // The marks of those before it, which find a row named twice.
      for (const std::int64_t earlier : sent_rows.first(i)) {
        const auto at = static_cast<std::size_t>(earlier);
        places[at] = errors[at] ? Place::kFailed : Place::kHere;
      }
      throw std::logic_error(fmt::format("row {} {}", row, why));
    };
    if (row < 0 || row >= rows.size()) refuse(fmt::format("of {} environments", rows.size()));
    Place& place = places[static_cast<std::size_t>(row)];
    if (place == Place::kUnderWay) refuse("is under way");
    if (place == Place::kFailed && !failed_too) refuse("failed and was not reset since");
    place = Place::kUnderWay;
  }
}

void AsyncVectorEnv::Impl::Push(std::span<const std::int64_t> sent_rows) {
  num_under_way += static_cast<std::int64_t>(sent_rows.size());
  sent.Push(sent_rows);
  generation.fetch_add(1, std::memory_order_release);
  if (std::cmp_greater_equal(sent_rows.size(), num_workers)) {
    generation.notify_all();
  } else {
    for (std::size_t i = 0; i < sent_rows.size(); ++i) generation.notify_one();
  }
}

void AsyncVectorEnv::Impl::Settle() {
  ready.WaitFor(num_under_way);
  ready.Pop(num_under_way);
  num_under_way = 0;
  std::ranges::fill(places, Place::kHere);
  std::ranges::fill(errors, nullptr);
}

void AsyncVectorEnv::Impl::ThrowErrorOf(std::int64_t row) {
  const auto i = static_cast<std::size_t>(row);
  places[i] = Place::kFailed;
  try {
    std::rethrow_exception(errors[i]);
  } catch (const std::exception& error) {
    throw RowError(row, error.what());
  }
}

AsyncVectorEnv::AsyncVectorEnv(std::string_view id, std::int64_t count, std::int64_t num_threads,
                               const EnvOptions& options)
    : AsyncVectorEnv([&] { return MakeEnv(id, options); }, count, num_threads) {}

AsyncVectorEnv::AsyncVectorEnv(const std::function<std::unique_ptr<Env>()>& make,
                               std::int64_t count, std::int64_t num_threads)
    : impl_(std::make_unique<Impl>(make, count, num_threads)) {}

AsyncVectorEnv::~AsyncVectorEnv() = default;

const EnvSpec& AsyncVectorEnv::spec() const { return impl_->rows.spec(); }
std::int64_t AsyncVectorEnv::size() const { return impl_->rows.size(); }
std::int64_t AsyncVectorEnv::num_under_way() const { return impl_->num_under_way; }

void AsyncVectorEnv::Reset(std::span<const std::uint64_t> seeds) {
  if (std::cmp_not_equal(seeds.size(), size())) {
    throw std::logic_error(fmt::format("{} seeds for {} environments", seeds.size(), size()));
  }
  impl_->Settle();
  std::vector<std::int64_t> rows(seeds.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  SendReset(rows, seeds);
  impl_->ready.WaitFor(size());
  impl_->ready.Pop(size());
  impl_->num_under_way = 0;
  std::optional<std::int64_t> failed;
  for (std::size_t i = rows.size(); i-- > 0;) {
    impl_->places[i] = impl_->errors[i] ? Place::kFailed : Place::kHere;
    if (impl_->errors[i]) failed = static_cast<std::int64_t>(i);
  }
  if (failed) impl_->ThrowErrorOf(*failed);
}

void AsyncVectorEnv::Send(std::span<const std::int64_t> rows, std::span<const float> actions) {
  const auto width = static_cast<std::size_t>(spec().action_size());
  if (spec().discrete() || actions.size() != rows.size() * width) {
    throw std::logic_error(fmt::format("{} action values for {} rows with {} each", actions.size(),
                                       rows.size(), width));
  }
  impl_->Check(rows, false);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(actions.subspan(i * width, width), impl_->Action(rows[i]).begin());
    impl_->resets[static_cast<std::size_t>(rows[i])] = 0;
  }
  impl_->Push(rows);
}

void AsyncVectorEnv::Send(std::span<const std::int64_t> rows,
                          std::span<const std::int64_t> actions) {
  if (!spec().discrete() || actions.size() != rows.size()) {
    throw std::logic_error(fmt::format("{} action indices for {} rows with {}", actions.size(),
                                       rows.size(),
                                       spec().discrete() ? "one each" : "box actions"));
  }
  impl_->Check(rows, false);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    impl_->indices[row] = actions[i];
    impl_->resets[row] = 0;
  }
  impl_->Push(rows);
}

void AsyncVectorEnv::SendReset(std::span<const std::int64_t> rows,
                               std::span<const std::uint64_t> seeds) {
  if (seeds.size() != rows.size()) {
    throw std::logic_error(fmt::format("{} seeds for {} rows", seeds.size(), rows.size()));
  }
  impl_->Check(rows, true);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    impl_->errors[row] = nullptr;
    impl_->seeds[row] = seeds[i];
    impl_->resets[row] = 1;
  }
  impl_->Push(rows);
}

std::span<const std::int64_t> AsyncVectorEnv::Receive(std::int64_t count) {
  if (count < 1 || count > num_under_way()) {
    throw std::logic_error(
        fmt::format("{} rows asked for while {} are under way", count, num_under_way()));
  }
  ReadyRows& ready = impl_->ready;
  ready.WaitFor(count);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = ready.At(i);
    if (impl_->errors[static_cast<std::size_t>(row)]) {
      ready.MoveToFront(i);
      ready.Pop(1);
      --impl_->num_under_way;
      impl_->ThrowErrorOf(row);
    }
    impl_->received[static_cast<std::size_t>(i)] = row;
  }
  ready.Pop(count);
  impl_->num_under_way -= count;
  const auto rows = std::span(impl_->received).first(static_cast<std::size_t>(count));
  for (const std::int64_t row : rows) impl_->places[static_cast<std::size_t>(row)] = Place::kHere;
  return rows;
}

std::span<const float> AsyncVectorEnv::observations() const { return impl_->rows.observations(); }
std::span<const float> AsyncVectorEnv::final_observations() const {
  return impl_->rows.final_observations();
}
std::span<const double> AsyncVectorEnv::rewards() const { return impl_->rows.rewards(); }
std::span<const std::uint8_t> AsyncVectorEnv::terminated() const {
  return impl_->rows.terminated();
}
std::span<const std::uint8_t> AsyncVectorEnv::truncated() const { return impl_->rows.truncated(); }

std::string AsyncVectorEnv::SaveState() const {
  if (num_under_way() > 0) {
    throw std::logic_error(
        fmt::format("the state is saved while {} rows are under way", num_under_way()));
  }
  if (std::ranges::count(impl_->places, Place::kFailed) > 0) {
    throw std::logic_error("the state is saved while a row has failed and was not reset since");
  }
  return impl_->rows.SaveState();
}

void AsyncVectorEnv::LoadState(const std::string& state) {
  impl_->Settle();
  impl_->rows.LoadState(state);
}

}  // namespace duet::envs
