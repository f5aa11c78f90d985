#include "agents/reward_normalizer.h"

#include <cmath>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

const std::vector<std::uint8_t> kNo = {0, 0};

TEST(RewardNormalizerTest, DividesByTheStandardDeviationOfTheDiscountedReturn) {
  const double gamma = 0.9;
  RewardNormalizer normalizer(1, 2, true, gamma, 10.0);
  core::Rng rng(1);
  std::vector<double> returns(2), all;
  for (int step = 0; step < 50; ++step) {
    const std::vector<double> rewards = {rng.Normal() + 1.0, 3.0 * rng.Normal()};
    const std::vector<std::uint8_t> terminated = {step % 7 == 6, 0},
                                    truncated = {0, step % 11 == 10};
    std::vector<float> normalized(2);
    normalizer.Normalize(rewards, terminated, truncated, normalized);
    for (std::size_t e = 0; e < 2; ++e) {
      returns[e] = gamma * returns[e] + rewards[e];
      all.push_back(returns[e]);
      if (terminated[e] != 0 || truncated[e] != 0) returns[e] = 0.0;
    }
    const Tensor seen = at::tensor(all, at::kDouble);
    const double std = std::sqrt(seen.var(/*unbiased=*/false).item<double>() + 1e-8);
    EXPECT_NEAR(normalizer.Scale(0), std, 1e-9);
    for (std::size_t e = 0; e < 2; ++e) EXPECT_NEAR(normalized[e], rewards[e] / std, 1e-5);
  }
}

TEST(RewardNormalizerTest, ClipsAndPassesThroughWhereDisabled) {
  RewardNormalizer normalizer(1, 2, true, 0.0, 1.5);
  std::vector<float> normalized(2);
  normalizer.Normalize(std::vector<double>{-1.0, 9.0}, kNo, kNo, normalized);  // deviation 5
  EXPECT_FLOAT_EQ(normalized[0], -0.2F);
  EXPECT_FLOAT_EQ(normalized[1], 1.5F);
  RewardNormalizer disabled(1, 2, false, 0.9, 1.5);
  disabled.Normalize(std::vector<double>{-1.0, 9.0}, kNo, kNo, normalized);
  EXPECT_EQ(normalized, (std::vector<float>{-1.0F, 9.0F}));
  EXPECT_EQ(disabled.Scale(0), 1.0);
}

TEST(RewardNormalizerTest, MembersHaveTheirOwnStatisticsWhichLoadIntoOthers) {
  RewardNormalizer normalizer(2, 1, true, 0.9, 10.0);
  std::vector<float> normalized(2);
  for (int i = 0; i < 20; ++i) {
    normalizer.Normalize(std::vector<double>{1.0 * i, 100.0 * i}, kNo, kNo, normalized);
  }
  EXPECT_NEAR(normalizer.Scale(1), 100.0 * normalizer.Scale(0), 1e-3);
  const auto archive = Written([&](core::ArchiveWriter& writer) { normalizer.Save(writer, "r"); });
  RewardNormalizer other(1, 1, true, 0.9, 10.0);
  other.Load(*archive, "r", std::vector<std::int64_t>{1});
  EXPECT_EQ(other.Scale(0), normalizer.Scale(1));
  EXPECT_THROW(other.Load(*archive, "r", std::vector<std::int64_t>{2}), IoError);
}

}  // namespace
}  // namespace duet::agents
