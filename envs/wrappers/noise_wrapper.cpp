#include "envs/wrappers/noise_wrapper.h"

#include <cmath>
#include <utility>

namespace duet::envs {

NoiseWrapper::NoiseWrapper(std::string_view tag, std::string_view stream, std::unique_ptr<Env> env,
                           double standard_deviation)
    : Wrapper(tag, std::move(env)),
      stream_(stream),
      standard_deviation_(standard_deviation),
      rng_(core::SplitSeed(0, stream)) {
  if (!std::isfinite(standard_deviation) || standard_deviation < 0.0) {
    Refuse("standard_deviation", standard_deviation, "a finite number >= 0");
  }
}

void NoiseWrapper::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  if (seed) rng_.Seed(core::SplitSeed(*seed, stream_));
  inner().Reset(seed, observation);
}

void NoiseWrapper::SaveOwnState(StateWriter& writer) const { writer.Add(rng_.SaveState()); }

void NoiseWrapper::LoadOwnState(StateReader& reader) { rng_.LoadState(reader.Text()); }

}  // namespace duet::envs
