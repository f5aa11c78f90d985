// How rows get from the caller of an AsyncVectorEnv to its workers and back.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "envs/waiter.h"

namespace duet::envs {

// A queue of rows in a ring, written by the caller and emptied by the workers. It never overflows:
// a row is in it at most once.
class SentRows {
 public:
  explicit SentRows(std::size_t num_rows)
      : slots_(std::bit_ceil(num_rows)), mask_(slots_.size() - 1) {}

  // The caller's. What it wrote before is seen by whoever takes the row.
  void Push(std::span<const std::int64_t> rows) {
    std::uint64_t end = end_.load(std::memory_order_relaxed);
    for (const std::int64_t row : rows) {
      slots_[end++ & mask_].store(row, std::memory_order_relaxed);
    }
    end_.store(end, std::memory_order_release);
  }

  // A worker's: the row that has waited longest, if there is one.
  std::optional<std::int64_t> Take() {
    // In this order and acquired: the end seen is then at least the beginning seen.
    std::uint64_t begin = begin_.load(std::memory_order_acquire);
    while (begin != end_.load(std::memory_order_acquire)) {
      // Read before it is taken: as long as nobody took it, its slot cannot be needed for another.
      const std::int64_t row = slots_[begin & mask_].load(std::memory_order_relaxed);
      if (begin_.compare_exchange_weak(begin, begin + 1, std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
        return row;
      }
    }
    return std::nullopt;
  }

 private:
  std::vector<std::atomic<std::int64_t>> slots_;
  std::uint64_t mask_;
  alignas(kCacheLine) std::atomic<std::uint64_t> end_{0};
  alignas(kCacheLine) std::atomic<std::uint64_t> begin_{0};
};

// A queue of rows in a ring, written by the workers and emptied by the caller, who can wait for the
// k-th row from now and sleeps once for k rows.
class ReadyRows {
 public:
  explicit ReadyRows(std::size_t num_rows)
      : slots_(std::bit_ceil(num_rows)), mask_(slots_.size() - 1) {
    for (auto& slot : slots_) slot.store(kEmpty, std::memory_order_relaxed);
  }

  // A worker's. What it wrote before is seen by the caller once it has the row.
  void Push(std::int64_t row) {
    const std::uint64_t place = end_.fetch_add(1, std::memory_order_acq_rel);
    auto& slot = slots_[place & mask_];
    slot.exchange(static_cast<std::uint32_t>(row));
    slot.notify_one();
  }

  // The caller's from here on. Waits until At(0) to At(count - 1) are there.
  void WaitFor(std::int64_t count) {
    // The last one first: then the others are there but for what a worker is just writing.
    for (std::int64_t i = count - 1; i >= 0; --i) waiter_.WaitForChange(Slot(i), kEmpty);
  }
  std::int64_t At(std::int64_t i) { return Slot(i).load(std::memory_order_relaxed); }
  // Moves a row that is there to the front.
  void MoveToFront(std::int64_t i) {
    Slot(i).store(Slot(0).exchange(static_cast<std::uint32_t>(At(i)), std::memory_order_relaxed),
                  std::memory_order_relaxed);
  }
  void Pop(std::int64_t count) {
    for (; count > 0; --count, ++begin_) Slot(0).store(kEmpty, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t kEmpty = std::numeric_limits<std::uint32_t>::max();

  std::atomic<std::uint32_t>& Slot(std::int64_t i) {
    return slots_[(begin_ + static_cast<std::uint64_t>(i)) & mask_];
  }

  std::vector<std::atomic<std::uint32_t>> slots_;
  std::uint64_t mask_;
  std::uint64_t begin_ = 0;
  Waiter waiter_;
  alignas(kCacheLine) std::atomic<std::uint64_t> end_{0};
};

}  // namespace duet::envs
