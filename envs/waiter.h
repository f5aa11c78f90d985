// How a thread waits for another one.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace duet::envs {

inline constexpr std::size_t kCacheLine = 64;  // bytes

// Waits for a number to change: looks at it for a while and then sleeps. How long it looks follows
// from the sleeps before. A short one was not worth it: look longer. After a long one look briefly,
// for then the caller does something else between steps. All but the first looks leave the
// processor to whoever else wants it, for it may be the very thread that is waited for. One thread
// per object.
//
// Whoever changes the number must do so with a read-modify-write operation and notify afterwards: a
// plain store may still be on its way when the notification finds nobody asleep.
class Waiter {
 public:
  // Returns once `value` is no longer `old`; what was written before the change is then seen.
  void WaitForChange(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
    for (int i = 0; i < num_looks_; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      i < kMinLooks ? Relax() : std::this_thread::yield();
    }
    const auto start = std::chrono::steady_clock::now();
    while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
    const bool short_sleep = std::chrono::steady_clock::now() - start < kShortSleep;
    num_looks_ = short_sleep ? std::min(kMaxLooks, 2 * num_looks_) : kMinLooks;
  }

 private:
  static void Relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  static constexpr std::chrono::microseconds kShortSleep{100};
  static constexpr int kMinLooks = 100;  // a few microseconds
  static constexpr int kMaxLooks = 400;  // some ten microseconds, as long as most steps of one
                                         // environment take
  int num_looks_ = kMinLooks;
};

}  // namespace duet::envs
