// Named random streams whose state can be saved.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace duet::core {

// A seed for the stream `name` of a run. Streams of different names are independent, so that a new
// consumer of random numbers moves none of the others.
std::uint64_t SplitSeed(std::uint64_t seed, std::string_view name);
// The same for the `index`-th of several streams of one name.
std::uint64_t SplitSeed(std::uint64_t seed, std::string_view name, std::uint64_t index);

// One stream of pseudo-random numbers: the same seed gives the same numbers with every compiler.
// Not thread-safe.
class Rng {
 public:
  explicit Rng(std::uint64_t seed = 0) : engine_(seed) {}

  void Seed(std::uint64_t seed) { engine_.seed(seed); }

  // Uniform in [low, high).
  double Uniform(double low, double high);
  // Standard normal.
  double Normal();
  // Beta distributed, in [0, 1]. Requires alpha > 0 and beta > 0.
  double Beta(double alpha, double beta);
  // Uniform in {0, …, count - 1}. Requires count > 0.
  std::int64_t Index(std::int64_t count);

  // The whole state as text; `LoadState` continues the stream exactly. Throws IoError on text that
  // SaveState did not write.
  std::string SaveState() const;
  void LoadState(const std::string& state);

 private:
  std::mt19937_64 engine_;
};

}  // namespace duet::core
