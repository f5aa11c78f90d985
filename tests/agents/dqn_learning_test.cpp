#include <ATen/Parallel.h>

#include <cmath>

#include "agents/dqn.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

// A corridor of kCells cells, entered at the left: action 1 leads to the right, action 0 back to
// the start. Leaving at the right ends the episode with reward 1, all else gives nothing; after
// kLimit steps an episode is cut. Random play finds the exit once in 2^kCells tries.
class Corridor {
 public:
  static constexpr int kCells = 5, kLimit = 20;

  std::vector<float> observation() const {
    std::vector<float> one_hot(kCells, 0.0F);
    if (cell_ < kCells) one_hot[static_cast<std::size_t>(cell_)] = 1.0F;
    return one_hot;
  }
  void Step(float action) {
    cell_ = action == 1.0F ? cell_ + 1 : 0;
    ++steps_;
  }
  bool terminated() const { return cell_ == kCells; }
  bool truncated() const { return !terminated() && steps_ == kLimit; }
  void RestartIfEnded() {
    if (terminated() || truncated()) cell_ = steps_ = 0;
  }

 private:
  int cell_ = 0, steps_ = 0;
};

TEST(DqnLearningTest, FindsTheWayThroughACorridorAndItsValues) {
  at::set_num_threads(1);
  DqnConfig config;
  config.hidden = {32};
  config.batch_size = 64;
  config.gamma = 0.9;
  config.tau = 0.05;
  config.learning_rate = 3e-3;
  config.exploration_fraction = 0.5;
  constexpr std::size_t kMembers = 2, kEnvs = 4, kO = Corridor::kCells;
  const auto agent = MakeDqn(config, {.envs = kEnvs,
                                      .observation_size = kO,
                                      .action_size = 1,
                                      .num_actions = 2,
                                      .member_seeds = {1, 2},
                                      .replay_capacity = 10'000});
  std::vector<Corridor> corridors(kMembers * kEnvs);
  std::vector<float> seen, next, actions(corridors.size());
  std::vector<double> rewards(corridors.size());
  std::vector<std::uint8_t> terminated(corridors.size()), truncated(corridors.size());
  constexpr int kSteps = 1500;
  for (int step = 0; step < kSteps; ++step) {
    agent->SetProgress(static_cast<double>(step) / kSteps);
    seen.clear();
    next.clear();
    const auto append = [](std::vector<float>& row, const Corridor& corridor) {
      const std::vector<float> observation = corridor.observation();
      row.insert(row.end(), observation.begin(), observation.end());
    };
    for (const Corridor& corridor : corridors) append(seen, corridor);
    agent->Act(seen, ActMode::kExplore, actions);
    for (std::size_t i = 0; i < corridors.size(); ++i) {
      corridors[i].Step(actions[i]);
      terminated[i] = corridors[i].terminated() ? 1 : 0;
      truncated[i] = corridors[i].truncated() ? 1 : 0;
      rewards[i] = terminated[i];
      append(next, corridors[i]);
      corridors[i].RestartIfEnded();
    }
    agent->Observe({seen, actions, rewards, next, terminated, truncated});
    if (step >= 50) agent->Update();
  }
  // The value of a cell is gamma to the steps that are left after the next; that of turning back
  // is gamma times the start's.
  const Tensor cells = at::eye(Corridor::kCells).expand({2, kO, kO}).contiguous();
  const Tensor on = agent->ActionValue(cells, at::ones({2, kO, 1}));
  const Tensor back = agent->ActionValue(cells, at::zeros({2, kO, 1}));
  for (std::int64_t m = 0; m < 2; ++m) {
    for (std::int64_t cell = 0; cell < Corridor::kCells; ++cell) {
      const double worth = std::pow(0.9, Corridor::kCells - 1 - static_cast<double>(cell));
      EXPECT_NEAR(on[m][cell].item<double>(), worth, 0.05) << m << " " << cell;
      EXPECT_NEAR(back[m][cell].item<double>(), std::pow(0.9, Corridor::kCells), 0.08)
          << m << " " << cell;
    }
  }
}

}  // namespace
}  // namespace duet::agents
