#include "agents/normalizer.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kMembers = 2;
constexpr std::int64_t kSize = 3;

std::span<const float> Values(const Tensor& x) {
  return {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

// Observations of several steps with E = 4, [T, M, E, O]; far from zero, the last entry constant.
Tensor Observations() {
  Tensor x = RandomTensor({25, kMembers, 4, kSize}, 1);
  x.select(1, 0).mul_(3.0).add_(1000.0);
  x.select(1, 1).mul_(0.1).sub_(5.0);
  x.select(3, 2).fill_(2.5);
  return x;
}

ObservationNormalizer Seen(const Tensor& observations, double clip) {
  ObservationNormalizer normalizer(kMembers, kSize, true, clip, at::kCPU);
  for (std::int64_t t = 0; t < observations.size(0); ++t) {
    normalizer.Update(Values(observations[t]));
  }
  return normalizer;
}

TEST(NormalizerTest, EqualsTheMeanAndVarianceOfTwoPassesPerMember) {
  const Tensor observations = Observations();
  const ObservationNormalizer normalizer = Seen(observations, 1e9);
  const Tensor all = observations.to(at::kDouble).transpose(0, 1).reshape({kMembers, -1, kSize});
  const Tensor mean = all.mean(1, true);
  const Tensor variance = (all - mean).square().mean(1, true);
  const Tensor x = observations[3];
  const Tensor expected = (x - mean) / (variance + 1e-8).sqrt();
  const Tensor found = normalizer.Normalize(x);
  EXPECT_LT(LargestDifference(found.narrow(2, 0, 2), expected.narrow(2, 0, 2)), 2e-4);
  // An entry that never changes is 0, not a division by zero.
  EXPECT_EQ(found.select(2, 2).abs().max().item<float>(), 0.0F);
}

TEST(NormalizerTest, ClipsWhatIsFarAway) {
  const ObservationNormalizer normalizer = Seen(Observations(), 1.5);
  EXPECT_EQ(normalizer.Normalize(at::full({kMembers, 1, kSize}, 1e6)).min().item<float>(), 1.5F);
  EXPECT_EQ(normalizer.Normalize(at::full({kMembers, 1, kSize}, -1e6)).max().item<float>(), -1.5F);
}

TEST(NormalizerTest, ADisabledOnePassesObservationsThrough) {
  ObservationNormalizer normalizer(kMembers, kSize, false, 5.0, at::kCPU);
  const Tensor observations = Observations();
  normalizer.Update(Values(observations[0]));
  EXPECT_TRUE(normalizer.Normalize(observations[1]).equal(observations[1]));
}

TEST(NormalizerTest, OneObservationGivesAFiniteAnswer) {
  const ObservationNormalizer normalizer = Seen(RandomTensor({1, kMembers, 1, kSize}, 1), 5.0);
  EXPECT_TRUE(
      normalizer.Normalize(RandomTensor({kMembers, 4, kSize}, 2)).isfinite().all().item<bool>());
}

TEST(NormalizerTest, LoadsTheSavedMembersAndGoesOnBitForBit) {
  const Tensor observations = Observations();
  ObservationNormalizer normalizer = Seen(observations, 5.0);
  const auto archive =
      Written([&](core::ArchiveWriter& writer) { normalizer.Save(writer, "statistics"); });
  ObservationNormalizer same(kMembers, kSize, true, 1.0, at::kCPU);
  same.Load(*archive, "statistics", std::vector<std::int64_t>{0, 1});
  const Tensor more = RandomTensor({kMembers, 4, kSize}, 5);
  normalizer.Update(Values(more));
  same.Update(Values(more));
  const Tensor x = observations[0];
  EXPECT_TRUE(same.Normalize(x).equal(normalizer.Normalize(x)));

  ObservationNormalizer second(1, kSize, true, 5.0, at::kCPU);
  second.Load(*archive, "statistics", std::vector<std::int64_t>{1});
  EXPECT_TRUE(second.Normalize(x.narrow(0, 1, 1))
                  .equal(Seen(observations, 5.0).Normalize(x).narrow(0, 1, 1)));
}

TEST(NormalizerTest, SaysWhatDoesNotFit) {
  const ObservationNormalizer normalizer(kMembers, kSize, true, 5.0, at::kCPU);
  const auto archive =
      Written([&](core::ArchiveWriter& writer) { normalizer.Save(writer, "statistics"); });
  ObservationNormalizer wider(1, 4, true, 5.0, at::kCPU);
  EXPECT_THAT([&] { wider.Load(*archive, "statistics", std::vector<std::int64_t>{0}); },
              ThrowsMessage<IoError>(
                  HasSubstr("the statistics are of 3 observation entries; this run has 4")));
  ObservationNormalizer third(1, kSize, true, 5.0, at::kCPU);
  EXPECT_THAT([&] { third.Load(*archive, "statistics", std::vector<std::int64_t>{2}); },
              ThrowsMessage<IoError>(HasSubstr("member 2 is asked for; there are 2")));
}

}  // namespace
}  // namespace duet::agents
