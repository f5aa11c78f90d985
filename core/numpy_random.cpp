#include "core/numpy_random.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace duet::core {
namespace {

constexpr char kEndMark = ';';
constexpr double kUnitStep = 0x1p-53;

constexpr Uint128 Join(std::uint64_t high, std::uint64_t low) {
  return (static_cast<Uint128>(high) << 64) | low;
}

constexpr Uint128 kMultiplier = Join(0x2360ed051fc65da4, 0x4385df649fccf645);

// A multiplicative hash of 32-bit words whose constant changes with every word.
class WordHash {
 public:
  WordHash(std::uint32_t start, std::uint32_t factor) : constant_(start), factor_(factor) {}

  std::uint32_t operator()(std::uint32_t word) {
    word ^= constant_;
    constant_ *= factor_;
    word *= constant_;
    return word ^ (word >> 16);
  }

 private:
  std::uint32_t constant_, factor_;
};

std::uint32_t Mix(std::uint32_t first, std::uint32_t second) {
  const std::uint32_t mixed = 0xca01f9dd * first - 0x4973f715 * second;
  return mixed ^ (mixed >> 16);
}

// `SeedSequence(seed).generate_state(4, uint64)`.
std::array<std::uint64_t, 4> SeedWords(std::uint64_t seed) {
  WordHash hash_in(0x43b0d7e5, 0x931e8875);
  std::array<std::uint32_t, 4> pool = {static_cast<std::uint32_t>(seed),
                                       static_cast<std::uint32_t>(seed >> 32), 0, 0};
  for (std::uint32_t& word : pool) word = hash_in(word);
  for (std::size_t from = 0; from < pool.size(); ++from) {
    for (std::size_t to = 0; to < pool.size(); ++to) {
      if (from != to) pool[to] = Mix(pool[to], hash_in(pool[from]));
    }
  }
  WordHash hash_out(0x8b51f9dd, 0x58f38ded);
  std::array<std::uint64_t, 4> words{};
  for (std::size_t i = 0; i < 2 * words.size(); ++i) {
    words[i / 2] |= static_cast<std::uint64_t>(hash_out(pool[i % pool.size()])) << (32 * (i % 2));
  }
  return words;
}

double BellCurve(double x) { return static_cast<double>(std::exp(-0.5L * (x * x))); }

// The layers of the normal ziggurat from its two published constants: the right end of the lowest
// layer and the area of each. NumPy's tables follow from them in double arithmetic with exp and log
// correctly rounded (here: computed in long double), but for one exponential, see below.
struct Ziggurat {
  static constexpr std::size_t kLayers = 256;
  static constexpr double kEnd = 3.6541528853610088;
  static constexpr double kArea = 0.004928673233974652;
  static constexpr double kSteps = 0x1p52;  // across a layer

  std::array<std::uint64_t, kLayers> inside{};  // steps that lie under the curve for certain
  std::array<double, kLayers> step{};
  std::array<double, kLayers> height{};

  Ziggurat() {
    std::array<double, kLayers> x{};
    FillCurve(x);
    for (std::size_t i = 0; i < kLayers; ++i) {
      const double inner = i == 0 ? kEnd : x[i - 1];
      step[i] = x[i] / kSteps;
      inside[i] = i == 1 ? 0 : static_cast<std::uint64_t>(std::nearbyint(inner / x[i] * kSteps));
    }
  }

 private:
  // x[i] is the right end of layer i, from the top down; layer 0 is the lowest with the tail.
  void FillCurve(std::array<double, kLayers>& x) {
    x.back() = kEnd;
    height.back() = BellCurve(kEnd);
    for (std::size_t i = kLayers - 2; i > 0; --i) {
      const double above = kArea / x[i + 1] + height[i + 1];
      x[i] = std::sqrt(-2.0 * static_cast<double>(std::log(static_cast<long double>(above))));
      // The exponential of layer 38 lies 0.502 units below NumPy's number, 0.498 above the nearest.
      height[i] = i == 38 ? 0x1.5ad29acc85c89p-1 : BellCurve(x[i]);
    }
    x[0] = kArea / height.back();
    height[0] = 1.0;
  }
};

const Ziggurat& NormalLayers() {
  static const Ziggurat layers;
  return layers;
}

}  // namespace

void NumpyRng::Seed(std::uint64_t seed) {
  const std::array<std::uint64_t, 4> words = SeedWords(seed);
  state_ = {};
  state_.increment = (Join(words[2], words[3]) << 1) | 1;
  state_.counter = (state_.increment + Join(words[0], words[1])) * kMultiplier + state_.increment;
}

std::uint64_t NumpyRng::Next64() {
  state_.counter = state_.counter * kMultiplier + state_.increment;
  const std::uint64_t high = static_cast<std::uint64_t>(state_.counter >> 64);
  return std::rotr(high ^ static_cast<std::uint64_t>(state_.counter), static_cast<int>(high >> 58));
}

std::uint32_t NumpyRng::Next32() {
  if (state_.has_half) {
    state_.has_half = false;
    return std::exchange(state_.half, 0);
  }
  const std::uint64_t bits = Next64();
  state_.has_half = true;
  state_.half = static_cast<std::uint32_t>(bits >> 32);
  return static_cast<std::uint32_t>(bits);
}

double NumpyRng::NextUnit() { return static_cast<double>(Next64() >> 11) * kUnitStep; }

double NumpyRng::Uniform(double low, double high) { return low + (high - low) * NextUnit(); }

double NumpyRng::Normal() {
  const Ziggurat& layers = NormalLayers();
  while (true) {
    // From the lowest bit: eight for the layer, one for the sign, 52 for the place in the layer.
    const std::uint64_t bits = Next64();
    const std::size_t layer = bits & 0xff;
    const bool negative = ((bits >> 8) & 1) != 0;
    const std::uint64_t steps = (bits >> 9) & 0x000fffffffffffff;
    const double distance = static_cast<double>(steps) * layers.step[layer];
    const double x = negative ? -distance : distance;
    if (steps < layers.inside[layer]) return x;
    if (layer == 0) return NormalTail(((steps >> 8) & 1) != 0);
    const double bottom = layers.height[layer], top = layers.height[layer - 1];
    if ((top - bottom) * NextUnit() + bottom < std::exp(-0.5 * x * x)) return x;
  }
}

double NumpyRng::NormalTail(bool negative) {
  constexpr double kInverseEnd = 0.27366123732975828;
  while (true) {
    const double x = -kInverseEnd * std::log1p(-NextUnit());
    const double y = -std::log1p(-NextUnit());
    if (y + y > x * x) return negative ? -(Ziggurat::kEnd + x) : Ziggurat::kEnd + x;
  }
}

std::uint32_t NumpyRng::Below32(std::uint32_t count) {
  std::uint64_t product = static_cast<std::uint64_t>(Next32()) * count;
  if (static_cast<std::uint32_t>(product) < count) {
    const std::uint32_t threshold = (0U - count) % count;
    while (static_cast<std::uint32_t>(product) < threshold) {
      product = static_cast<std::uint64_t>(Next32()) * count;
    }
  }
  return static_cast<std::uint32_t>(product >> 32);
}

std::uint64_t NumpyRng::Below64(std::uint64_t count) {
  Uint128 product = static_cast<Uint128>(Next64()) * count;
  if (static_cast<std::uint64_t>(product) < count) {
    const std::uint64_t threshold = (std::uint64_t{0} - count) % count;
    while (static_cast<std::uint64_t>(product) < threshold) {
      product = static_cast<Uint128>(Next64()) * count;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

std::int64_t NumpyRng::Integer(std::int64_t low, std::int64_t end) {
  if (low >= end) throw std::invalid_argument("NumpyRng::Integer: low must be below end");
  constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
  const std::uint64_t count = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(low);
  std::uint64_t offset = 0;
  if (count > kMax32 + 1) {
    offset = Below64(count);
  } else if (count == kMax32 + 1) {
    offset = Next32();
  } else if (count > 1) {
    offset = Below32(static_cast<std::uint32_t>(count));
  }
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
}

// The end mark shows that nothing was cut off.
std::string NumpyRng::ToText(const State& state) {
  std::ostringstream out;
  for (const Uint128 number : {state.counter, state.increment}) {
    out << static_cast<std::uint64_t>(number >> 64) << ' ' << static_cast<std::uint64_t>(number)
        << ' ';
  }
  out << state.has_half << ' ' << state.half << kEndMark;
  return out.str();
}

std::string NumpyRng::SaveState() const { return ToText(state_); }

void NumpyRng::LoadState(const std::string& text) {
  std::istringstream in(text);
  std::array<std::uint64_t, 4> words{};
  State state;
  for (std::uint64_t& word : words) in >> word;
  in >> state.has_half >> state.half;
  state.counter = Join(words[0], words[1]);
  state.increment = Join(words[2], words[3]);
  if (!in || ToText(state) != text || (state.increment & 1) == 0) {
    throw IoError("random stream: the saved state is damaged");
  }
  state_ = state;
}

}  // namespace duet::core
