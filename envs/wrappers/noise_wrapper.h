// What wrappers that add noise have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/random.h"
#include "envs/wrappers/wrapper.h"

namespace duet::envs {

// Draws standard_deviation * N(0, 1) from a stream of its own, which Reset(seed) restarts; the
// task's stream does not notice.
class NoiseWrapper : public Wrapper {
 public:
  void Reset(std::optional<std::uint64_t> seed, std::span<double> observation) override;

 protected:
  // `tag` and `stream` must live as long as the wrapper; `standard_deviation` is finite, >= 0.
  NoiseWrapper(std::string_view tag, std::string_view stream, std::unique_ptr<Env> env,
               double standard_deviation);

  double DrawNoise() { return standard_deviation_ * rng_.Normal(); }

 private:
  void SaveOwnState(StateWriter& writer) const final;
  void LoadOwnState(StateReader& reader) final;

  std::string_view stream_;
  double standard_deviation_;
  core::Rng rng_;
};

}  // namespace duet::envs
