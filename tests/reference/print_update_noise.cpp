// Writes the normal draws that the reference updates of tests/agents/data use as noise, which are
// those of the members' update streams; tests/agents/update_noise_test.cpp holds them to that.
//
//   ninja -C build/dev print_update_noise
//   build/dev/bin/print_update_noise > tests/agents/data/update_noise.json
#include <cstdio>

#include "core/random.h"

int main() {
  constexpr int kDraws = 320;  // two of [8, 2] for each of ten updates
  for (const int seed : {1, 2}) {
    duet::core::Rng rng(duet::core::SplitSeed(static_cast<std::uint64_t>(seed), "update"));
    std::printf("%s", seed == 1 ? "[[" : ",\n[");
    for (int i = 0; i < kDraws; ++i) std::printf("%s%.9g", i == 0 ? "" : ",", rng.Normal());
    std::printf("]");
  }
  std::printf("]\n");
}
