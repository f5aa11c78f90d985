// NumPy's random stream, number for number.
#pragma once

#include <cstdint>
#include <string>

namespace duet::core {

__extension__ using Uint128 = unsigned __int128;

// The stream of `numpy.random.Generator(PCG64(SeedSequence(seed)))` of NumPy 2, which is also
// `numpy.random.default_rng(seed)` and Gymnasium's `np_random`: the same calls in the same order
// give the same bits. Normal numbers far from zero go through the C library's `exp` and `log1p`, as
// NumPy's do. A draw allocates no memory. Not thread-safe.
//
// Sources: O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
// Random Number Generation" (HMC-CS-2014-0905), XSL-RR 128/64; O'Neill, "Developing a seed_seq
// Alternative" (2015); Lemire, "Fast Random Integer Generation in an Interval" (2019); Marsaglia
// and Tsang, "The Ziggurat Method for Generating Random Variables" (2000), with 256 layers.
class NumpyRng {
 public:
  explicit NumpyRng(std::uint64_t seed = 0) { Seed(seed); }

  void Seed(std::uint64_t seed);

  // `Generator.uniform(low, high)`: in [low, high]; rounding can give `high` itself.
  double Uniform(double low, double high);
  // `Generator.standard_normal()`.
  double Normal();
  // `Generator.integers(low, end)`: uniform in {low, …, end - 1}. With one outcome nothing is
  // drawn; fewer than 2^32 + 1 outcomes use half a draw and keep the other half for the next such
  // call. Throws std::invalid_argument unless low < end.
  std::int64_t Integer(std::int64_t low, std::int64_t end);

  // The whole state as text; `LoadState` continues the stream exactly. Throws IoError on text that
  // SaveState did not write.
  std::string SaveState() const;
  void LoadState(const std::string& text);

 private:
  struct State {
    Uint128 counter = 0;
    Uint128 increment = 1;  // odd
    // The upper half of the last 64-bit draw that was made for a 32-bit one, if still unused.
    bool has_half = false;
    std::uint32_t half = 0;
  };

  static std::string ToText(const State& state);

  std::uint64_t Next64();
  std::uint32_t Next32();
  double NextUnit();  // in [0, 1)
  std::uint32_t Below32(std::uint32_t count);
  std::uint64_t Below64(std::uint64_t count);
  double NormalTail(bool negative);

  State state_;
};

}  // namespace duet::core
