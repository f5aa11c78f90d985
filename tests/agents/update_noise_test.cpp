#include <fstream>
#include <nlohmann/json.hpp>

#include "core/random.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

TEST(UpdateNoiseTest, TheNoiseOfTheReferencesIsThatOfTheUpdateStreams) {
  const auto noise =
      nlohmann::json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/agents/data/update_noise.json"));
  for (const std::uint64_t seed : {1, 2}) {
    core::Rng rng(core::SplitSeed(seed, "update"));
    for (const auto& value : noise[seed - 1]) ASSERT_NEAR(value.get<double>(), rng.Normal(), 1e-8);
  }
}

}  // namespace
}  // namespace duet::agents
