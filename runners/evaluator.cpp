#include "runners/evaluator.h"

#include <numeric>

namespace duet::runners {

Evaluator::Evaluator(const EnvironmentConfig& env, const EvaluationConfig& config,
                     std::int64_t members, std::int64_t num_threads)
    : config_(config),
      members_(members),
      env_([&] { return MakeRunEnv(env); }, members * config.episodes, num_threads) {}

Evaluator::Returns Evaluator::Evaluate(agents::Agent& agent) {
  const std::size_t count = static_cast<std::size_t>(env_.size());
  const std::size_t episodes = static_cast<std::size_t>(config_.episodes);
  std::vector<std::uint64_t> seeds(count);
  for (std::size_t i = 0; i < count; ++i) {
    seeds[i] = static_cast<std::uint64_t>(config_.seed) + i % episodes;
  }
  env_.Reset(seeds);
  std::vector<float> actions(count * static_cast<std::size_t>(env_.action_size()));
  std::vector<double> returns(count, 0.0);
  std::vector<char> running(count, 1);
  for (std::size_t num_running = count; num_running > 0;) {
    agent.Act(env_.observations(), agents::ActMode::kGreedy, actions);
    env_.Step(actions);
    for (std::size_t i = 0; i < count; ++i) {
      if (running[i] == 0) continue;
      returns[i] += env_.rewards()[i];
      if (env_.terminated()[i] != 0 || env_.truncated()[i] != 0) {
        running[i] = 0;
        --num_running;
      }
    }
  }
  Returns result;
  for (std::int64_t m = 0; m < members_; ++m) {
    const auto begin = returns.begin() + m * config_.episodes;
    result.per_episode.emplace_back(begin, begin + config_.episodes);
    result.mean.push_back(std::accumulate(begin, begin + config_.episodes, 0.0) /
                          static_cast<double>(config_.episodes));
  }
  return result;
}

}  // namespace duet::runners
