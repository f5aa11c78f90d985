#include "agents/gae.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/random.h"

namespace duet::agents {
namespace {

struct Experience {
  std::vector<float> rewards, values, next_values;
  std::vector<std::uint8_t> terminated, truncated;
  std::int64_t envs = 1;

  Experience(std::int64_t steps, std::int64_t envs, std::uint64_t seed) : envs(envs) {
    core::Rng rng(seed);
    for (std::int64_t i = 0; i < steps * envs; ++i) {
      rewards.push_back(static_cast<float>(rng.Normal()));
      values.push_back(static_cast<float>(rng.Normal()));
      next_values.push_back(static_cast<float>(rng.Normal()));
      terminated.push_back(rng.Uniform(0.0, 1.0) < 0.15 ? 1 : 0);
      truncated.push_back(rng.Uniform(0.0, 1.0) < 0.15 ? 1 : 0);
    }
  }

  std::vector<float> Advantages(double gamma, double lambda) const {
    std::vector<float> advantages(rewards.size());
    EstimateAdvantages({rewards, values, next_values, terminated, truncated, envs}, gamma, lambda,
                       advantages);
    return advantages;
  }

  // r_i + … + gamma^(n-1) r_j + gamma^n V(what came next), of n rewards from row i on, or fewer
  // where the episode or the rollout ends before.
  double Return(std::size_t i, std::size_t num_rewards, double gamma) const {
    double sum = 0.0, discount = 1.0;
    for (std::size_t n = 1;; ++n, i += static_cast<std::size_t>(envs)) {
      sum += discount * rewards[i];
      discount *= gamma;
      if (terminated[i] != 0) return sum;
      const bool last = i + static_cast<std::size_t>(envs) >= rewards.size();
      if (n == num_rewards || truncated[i] != 0 || last) return sum + discount * next_values[i];
    }
  }
};

// The definition: the average of all n-step advantages with weights (1 - lambda) lambda^(n - 1).
TEST(GaeTest, IsTheWeightedAverageOfAllNStepAdvantages) {
  const double gamma = 0.9, lambda = 0.8;
  for (const std::int64_t envs : {1, 3}) {
    const std::int64_t steps = 40;
    Experience experience(steps, envs, 7);
    // What the next step saw is what came next, but for ends.
    for (std::size_t i = 0; i + static_cast<std::size_t>(envs) < experience.values.size(); ++i) {
      if (experience.terminated[i] == 0 && experience.truncated[i] == 0) {
        experience.next_values[i] = experience.values[i + static_cast<std::size_t>(envs)];
      }
    }
    const std::vector<float> advantages = experience.Advantages(gamma, lambda);
    for (std::size_t i = 0; i < advantages.size(); ++i) {
      double expected = -experience.values[i], weight = 1.0 - lambda, left = 1.0;
      for (std::size_t n = 1; n <= 200; ++n) {
        expected += weight * experience.Return(i, n, gamma);
        left -= weight;
        weight *= lambda;
      }
      expected += left * experience.Return(i, 1000, gamma);
      EXPECT_NEAR(advantages[i], expected, 1e-5) << i;
    }
  }
}

TEST(GaeTest, BootstrapsThroughTruncationButNotTermination) {
  Experience experience(1, 1, 1);
  experience.rewards = {1.0F};
  experience.values = {0.5F};
  experience.next_values = {10.0F};
  const auto advantage = [&](std::uint8_t terminated, std::uint8_t truncated) {
    experience.terminated = {terminated};
    experience.truncated = {truncated};
    return experience.Advantages(0.9, 0.95)[0];
  };
  EXPECT_FLOAT_EQ(advantage(0, 1), 1.0F + 0.9F * 10.0F - 0.5F);
  EXPECT_FLOAT_EQ(advantage(0, 0), 1.0F + 0.9F * 10.0F - 0.5F);  // the end of the rollout
  EXPECT_FLOAT_EQ(advantage(1, 0), 1.0F - 0.5F);
  EXPECT_FLOAT_EQ(advantage(1, 1), 1.0F - 0.5F);  // a limit reached in the very step that ends
}

TEST(GaeTest, NothingLeaksOverTheEndOfAnEpisode) {
  Experience experience(6, 1, 3);
  experience.terminated = {0, 0, 0, 0, 0, 0};
  experience.truncated = {0, 0, 1, 0, 0, 0};
  const std::vector<float> before = experience.Advantages(0.9, 0.95);
  experience.rewards[3] += 100.0F;
  const std::vector<float> after = experience.Advantages(0.9, 0.95);
  for (const std::size_t i : {0, 1, 2}) EXPECT_EQ(before[i], after[i]) << i;
  EXPECT_NE(before[3], after[3]);
}

}  // namespace
}  // namespace duet::agents
