#include "core/random.h"

#include <array>
#include <boost/random/beta_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <sstream>
#include <vector>

#include "core/error.h"

namespace duet::core {
namespace {

constexpr char kEndMark = ';';

}  // namespace

std::uint64_t SplitSeed(std::uint64_t seed, std::string_view name, std::uint64_t index) {
  std::vector<std::uint32_t> words = {
      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
      static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32)};
  for (const char c : name) words.push_back(static_cast<unsigned char>(c));
  std::seed_seq sequence(words.begin(), words.end());
  std::array<std::uint32_t, 2> out{};
  sequence.generate(out.begin(), out.end());
  return (static_cast<std::uint64_t>(out[1]) << 32) | out[0];
}

std::uint64_t SplitSeed(std::uint64_t seed, std::string_view name) {
  return SplitSeed(seed, name, 0);
}

// Boost's distributions, unlike the standard library's, are the same everywhere; each is made anew
// for a draw, so the engine is the whole state.
double Rng::Uniform(double low, double high) {
  return boost::random::uniform_real_distribution<double>(low, high)(engine_);
}

double Rng::Normal() { return boost::random::normal_distribution<double>()(engine_); }

double Rng::Beta(double alpha, double beta) {
  return boost::random::beta_distribution<double>(alpha, beta)(engine_);
}

std::int64_t Rng::Index(std::int64_t count) {
  return boost::random::uniform_int_distribution<std::int64_t>(0, count - 1)(engine_);
}

// The end mark shows that nothing was cut off.
std::string Rng::SaveState() const {
  std::ostringstream out;
  out << engine_ << kEndMark;
  return out.str();
}

void Rng::LoadState(const std::string& state) {
  std::istringstream in(state);
  std::mt19937_64 engine;
  in >> engine;
  char mark = 0;
  if (!in.get(mark) || mark != kEndMark || in.peek() != std::istringstream::traits_type::eof()) {
    throw IoError("random stream: the saved state is damaged");
  }
  engine_ = engine;
}

}  // namespace duet::core
