#include "agents/exploration.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int kSteps = 40'000;

// The noise of one value over time.
std::vector<double> Draw(const NoiseConfig& config) {
  ExplorationNoise noise(config, 1, 1, 1);
  std::vector<core::Rng> rngs = {core::Rng(1)};
  std::vector<double> values;
  for (int t = 0; t < kSteps; ++t) {
    std::vector<float> action = {0.0F};
    noise.Perturb(rngs, action);
    values.push_back(action[0]);
  }
  return values;
}

double Mean(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double value : x) sum += value;
  return sum / static_cast<double>(x.size());
}

double Autocovariance(const std::vector<double>& x, std::size_t lag) {
  const double mean = Mean(x);
  double sum = 0.0;
  for (std::size_t i = lag; i < x.size(); ++i) sum += (x[i] - mean) * (x[i - lag] - mean);
  return sum / static_cast<double>(x.size() - lag);
}

TEST(ExplorationTest, GaussianNoiseIsWhiteWithTheStandardDeviationSet) {
  const std::vector<double> x = Draw({.kind = NoiseKind::kGaussian, .std = 0.2});
  // Five standard errors.
  const double error = 5.0 / std::sqrt(kSteps);
  EXPECT_NEAR(Mean(x), 0.0, 0.2 * error);
  EXPECT_NEAR(std::sqrt(Autocovariance(x, 0)), 0.2, 0.2 * error);
  EXPECT_NEAR(Autocovariance(x, 1) / Autocovariance(x, 0), 0.0, error);
}

TEST(ExplorationTest, OrnsteinUhlenbeckNoiseForgetsByThetaPerStep) {
  const double theta = 0.15;
  const std::vector<double> x =
      Draw({.kind = NoiseKind::kOrnsteinUhlenbeck, .std = 0.1, .theta = theta});
  EXPECT_NEAR(Autocovariance(x, 1) / Autocovariance(x, 0), 1.0 - theta, 0.02);
  EXPECT_NEAR(Autocovariance(x, 5) / Autocovariance(x, 0), std::pow(1.0 - theta, 5), 0.04);
  // Stationary variance of x' = (1 - theta) x + std n.
  const double variance = 0.1 * 0.1 / (1.0 - (1.0 - theta) * (1.0 - theta));
  EXPECT_NEAR(Autocovariance(x, 0) / variance, 1.0, 0.1);
}

TEST(ExplorationTest, RestartForgetsOneEnvironmentAlone) {
  ExplorationNoise noise({.kind = NoiseKind::kOrnsteinUhlenbeck, .std = 0.1, .theta = 0.0}, 1, 2,
                         2);
  std::vector<core::Rng> rngs = {core::Rng(1)};
  std::vector<float> before(4, 0.0F);
  noise.Perturb(rngs, before);
  core::Rng same = rngs[0];
  noise.Restart(1);
  std::vector<float> after(4, 0.0F);
  noise.Perturb(rngs, after);
  for (std::size_t i = 0; i < 4; ++i) {
    const double added = 0.1 * same.Normal();
    EXPECT_NEAR(after[i], added + (i < 2 ? before[i] : 0.0F), 1e-6) << i;
  }
}

TEST(ExplorationTest, StaysWithinTheActionRange) {
  ExplorationNoise noise({.std = 10.0}, 1, 1, 100);
  std::vector<core::Rng> rngs = {core::Rng(1)};
  std::vector<float> actions(100, 0.5F);
  noise.Perturb(rngs, actions);
  for (const float action : actions) EXPECT_LE(std::abs(action), 1.0F);
}

TEST(ExplorationTest, AMembersNoiseComesFromItsOwnStreamAlone) {
  const NoiseConfig config{.kind = NoiseKind::kOrnsteinUhlenbeck};
  ExplorationNoise pair(config, 2, 1, 3);
  ExplorationNoise single(config, 1, 1, 3);
  std::vector<core::Rng> rngs = {core::Rng(1), core::Rng(2)};
  std::vector<core::Rng> second = {core::Rng(2)};
  for (int t = 0; t < 5; ++t) {
    std::vector<float> both(6, 0.0F), one(3, 0.0F);
    pair.Perturb(rngs, both);
    single.Perturb(second, one);
    EXPECT_EQ(std::vector<float>(both.begin() + 3, both.end()), one);
  }
}

TEST(ExplorationTest, ContinuesBitForBitAfterLoading) {
  const NoiseConfig config{.kind = NoiseKind::kOrnsteinUhlenbeck};
  ExplorationNoise noise(config, 1, 1, 2);
  std::vector<core::Rng> rngs = {core::Rng(1)};
  std::vector<float> actions(2, 0.0F);
  noise.Perturb(rngs, actions);
  const auto archive = Written([&](core::ArchiveWriter& writer) { noise.Save(writer, "noise"); });
  ExplorationNoise other(config, 1, 1, 2);
  other.Load(*archive, "noise");
  std::vector<core::Rng> other_rngs = rngs;
  std::vector<float> a(2, 0.0F), b(2, 0.0F);
  noise.Perturb(rngs, a);
  other.Perturb(other_rngs, b);
  EXPECT_EQ(a, b);
  ExplorationNoise wider(config, 1, 1, 3);
  EXPECT_THAT([&] { wider.Load(*archive, "noise"); },
              ThrowsMessage<IoError>(HasSubstr("\"noise\" is of another size than this run's")));
}

}  // namespace
}  // namespace duet::agents
