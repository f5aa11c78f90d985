#include <ATen/Parallel.h>

#include <cmath>

#include "agents/ppo.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

// One-step episodes: the observation is uniform in [-1, 1], the reward -(action - best)^2. The best
// action is 0.6 times the observation; or, of discrete ones, the index of the third of [-1, 1] it
// lies in.
TEST(PpoLearningTest, FindsTheBestActionsOfAOneStepProblem) {
  at::set_num_threads(1);  // the networks are too small for more
  for (const bool discrete : {false, true}) {
    PpoConfig config;
    config.hidden = {32, 32};
    config.rollout_steps = 32;
    config.learning_rate = 3e-3;
    constexpr std::size_t kRows = 2 * 16;
    const auto agent = MakePpo(config, {.envs = 16,
                                        .observation_size = 1,
                                        .action_size = 1,
                                        .num_actions = discrete ? 3 : 0,
                                        .member_seeds = {1, 2},
                                        .replay_capacity = 1000});
    const auto best = [&](float x) { return discrete ? std::floor(1.5F * (x + 1.0F)) : 0.6F * x; };
    core::Rng rng(3);
    std::vector<float> observations(kRows), actions(kRows);
    std::vector<double> rewards(kRows);
    const std::vector<std::uint8_t> terminated(kRows, 1), truncated(kRows, 0);
    for (int step = 0; step < 32 * 25; ++step) {
      for (float& x : observations) x = static_cast<float>(rng.Uniform(-1.0, 1.0));
      agent->Act(observations, ActMode::kExplore, actions);
      for (std::size_t i = 0; i < kRows; ++i) {
        const double miss = actions[i] - best(observations[i]);
        rewards[i] = -miss * miss;
      }
      agent->Observe({observations, actions, rewards, observations, terminated, truncated});
      while (agent->UpdateDue()) agent->Update();
    }
    for (std::int64_t m = 0; m < 2; ++m) {
      double miss = 0.0;
      for (int i = 0; i < 40; ++i) {
        const float x = -0.975F + 0.05F * static_cast<float>(i);
        const Tensor answer = agent->policy().Answer(at::full({2, 1, 1}, x)).mean;
        miss += std::abs(answer[m].item<float>() - best(x)) / 40.0;
      }
      EXPECT_LT(miss, 0.1) << m;
    }
  }
}

}  // namespace
}  // namespace duet::agents
