// Many environments stepped side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

// N environments of one id, stepped in lockstep by a fixed set of threads, each writing straight
// into its row. Results do not depend on the number of threads. An environment whose episode ended
// is reset in the same call: `observations` then holds the first observation of the next episode
// and `final_observations` the last one of the episode that ended.
class VectorEnv {
 public:
  // Throws ConfigError on an unknown id or option, or where `count` or `num_threads` is not
  // positive.
  VectorEnv(std::string_view id, std::int64_t count, std::int64_t num_threads,
            const EnvOptions& options = {});
  // The same with environments of one's own, which must all have the same spec; `make` is called N
  // times, by this thread.
  VectorEnv(const std::function<std::unique_ptr<Env>()>& make, std::int64_t count,
            std::int64_t num_threads);
  ~VectorEnv();

  const EnvSpec& spec() const;
  std::int64_t size() const;  // N

  // Starts an episode in every environment; `seeds` has N elements.
  void Reset(std::span<const std::uint64_t> seeds);
  // Steps every environment; `actions` is [N, A] in units of the environment, or the indices [N] of
  // discrete actions. Blocks until all are done. Where an environment throws, the others finish
  // their step; then the error of the lowest row is thrown here, and only Reset or LoadState may
  // follow.
  void Step(std::span<const float> actions);
  void Step(std::span<const std::int64_t> actions);

  // Rows after the latest Reset or Step; valid until the next one.
  std::span<const float> observations() const;        // [N, O] what the policy sees next
  std::span<const float> final_observations() const;  // [N, O] after the step, before any reset
  std::span<const double> rewards() const;            // [N]
  std::span<const std::uint8_t> terminated() const;   // [N] 0 or 1
  std::span<const std::uint8_t> truncated() const;    // [N] 0 or 1

  // States of all environments and the rows above; LoadState continues bit for bit, and throws
  // IoError on a state of another id or size.
  std::string SaveState() const;
  void LoadState(const std::string& state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace duet::envs
