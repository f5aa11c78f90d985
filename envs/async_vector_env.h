// Many environments stepped side by side, none of which waits for the slowest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

// The error of one environment of several.
class RowError : public Error {
 public:
  RowError(std::int64_t row, const std::string& what);
  std::int64_t row() const { return row_; }

 private:
  std::int64_t row_;
};

// N environments of one id and threads that step whichever of them have an action: Send hands over
// actions of some rows and does not wait, Receive waits until some rows are ready. The interface
// follows EnvPool (arXiv:2206.10558, section 3). In contrast to VectorEnv the caller's thread steps
// nothing: it is free to compute the next actions meanwhile.
//
// When a row is ready depends on timing, what it holds does not: a row goes through the same
// episodes as in a VectorEnv that gets the same seeds and actions. Rows, resets at the end of an
// episode and saved states are those of VectorEnv. Not thread-safe: one caller.
class AsyncVectorEnv {
 public:
  // Throws ConfigError on an unknown id or option, or where `count` or `num_threads` is not
  // positive.
  AsyncVectorEnv(std::string_view id, std::int64_t count, std::int64_t num_threads,
                 const EnvOptions& options = {});
  // The same with environments of one's own, which must all have the same spec; `make` is called N
  // times, by this thread.
  AsyncVectorEnv(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
                 std::int64_t num_threads);
  // Waits for the steps that are under way.
  ~AsyncVectorEnv();

  const EnvSpec& spec() const;
  std::int64_t size() const;           // N
  std::int64_t num_under_way() const;  // rows sent and not received yet

  // Starts an episode in every environment and waits for all; `seeds` is [N]. What was under way is
  // finished first and forgotten, and rows that failed are usable again. Where an environment
  // throws, the error of the lowest row is thrown as RowError.
  void Reset(std::span<const std::uint64_t> seeds);

  // Starts a step of each of these K rows; `actions` is [K, A] in units of the environment, or the
  // indices [K] of discrete actions, and is copied. A row may be named once, must not be under way,
  // and must not have failed since its last reset (std::logic_error, and nothing is sent).
  void Send(std::span<const std::int64_t> rows, std::span<const float> actions);
  void Send(std::span<const std::int64_t> rows, std::span<const std::int64_t> actions);
  // Starts an episode in each of these rows instead; also in those that failed. `seeds` is [K].
  void SendReset(std::span<const std::int64_t> rows, std::span<const std::uint64_t> seeds);

  // Waits until `count` rows are ready (1 to num_under_way()) and returns which, in the order in
  // which they became ready; the span is valid until the next Receive. Where one of them failed,
  // its error is thrown as RowError instead; the others stay ready, and the row waits for a reset.
  std::span<const std::int64_t> Receive(std::int64_t count);

  // All rows. Those of a row that is under way may change at any moment; the others are as the
  // latest step or reset left them.
  std::span<const float> observations() const;        // [N, O] what the policy sees next
  std::span<const float> final_observations() const;  // [N, O] after the step, before any reset
  std::span<const double> rewards() const;            // [N]
  std::span<const std::uint8_t> terminated() const;   // [N] 0 or 1
  std::span<const std::uint8_t> truncated() const;    // [N] 0 or 1

  // States of all environments and the rows above, also for a VectorEnv of the same size. Requires
  // that nothing is under way and no row failed (std::logic_error). LoadState first finishes and
  // forgets what is under way; it throws IoError on a state of another id or size.
  std::string SaveState() const;
  void LoadState(const std::string& state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace duet::envs
