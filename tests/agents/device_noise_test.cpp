#include "agents/device_noise.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kMoreThanABlock = 70;

std::vector<core::Rng> Streams(std::initializer_list<std::uint64_t> seeds) {
  std::vector<core::Rng> rngs;
  for (const std::uint64_t seed : seeds) rngs.emplace_back(seed);
  return rngs;
}

// The numbers of so many updates, [updates, m, 8, 3].
Tensor Draw(DeviceNoise& noise, std::vector<core::Rng>& rngs, std::int64_t updates) {
  std::vector<Tensor> drawn;
  for (std::int64_t i = 0; i < updates; ++i) {
    drawn.push_back(at::empty({static_cast<std::int64_t>(rngs.size()), 8, 3}));
    noise.Next(rngs, drawn.back());
  }
  return at::stack(drawn);
}

DeviceNoise Make(std::int64_t members) { return {members, 8, 3, at::kCPU}; }

TEST(DeviceNoiseTest, AMembersNumbersDoNotDependOnTheOthers) {
  DeviceNoise both = Make(2), alone = Make(1);
  auto two = Streams({5, 9}), one = Streams({9});
  const Tensor of_both = Draw(both, two, kMoreThanABlock);
  EXPECT_TRUE(of_both.select(1, 1).equal(Draw(alone, one, kMoreThanABlock).select(1, 0)));
  EXPECT_FALSE(of_both.select(1, 1).equal(of_both.select(1, 0)));
}

TEST(DeviceNoiseTest, IsStandardNormalAndNeverTheSame) {
  DeviceNoise noise = Make(1);
  auto rngs = Streams({3});
  const Tensor drawn = Draw(noise, rngs, 600);
  EXPECT_NEAR(drawn.mean().item<double>(), 0.0, 0.03);
  EXPECT_NEAR(drawn.var().item<double>(), 1.0, 0.04);
  EXPECT_FALSE(drawn[0].equal(drawn[64]));
}

TEST(DeviceNoiseTest, GoesOnExactlyFromWhereItWasSaved) {
  for (const std::int64_t updates : {std::int64_t{0}, std::int64_t{10}, std::int64_t{64}}) {
    DeviceNoise first = Make(2);
    auto rngs = Streams({5, 9});
    if (updates > 0) Draw(first, rngs, updates);
    const auto saved = Written([&](core::ArchiveWriter& archive) { first.Save(archive, "noise"); });
    auto same_rngs = rngs;
    DeviceNoise second = Make(2);
    second.Load(*saved, "noise");
    EXPECT_TRUE(Draw(first, rngs, kMoreThanABlock).equal(Draw(second, same_rngs, kMoreThanABlock)))
        << updates;
  }
}

}  // namespace
}  // namespace duet::agents
