#include "runners/evaluator.h"

#include <numeric>
#include <span>

namespace duet::runners {
namespace {

double MeanOf(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

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
  std::vector<double> returns(count, 0.0), lengths(count, 0.0);
  std::vector<char> running(count, 1);
  for (std::size_t num_running = count; num_running > 0;) {
    agent.Act(env_.observations(), agents::ActMode::kGreedy, actions);
    env_.Step(actions);
    for (std::size_t i = 0; i < count; ++i) {
      if (running[i] == 0) continue;
      returns[i] += env_.rewards()[i];
      lengths[i] += 1.0;
      if (env_.terminated()[i] != 0 || env_.truncated()[i] != 0) {
        running[i] = 0;
        --num_running;
      }
    }
  }
  Returns result;
  for (std::size_t begin = 0; begin < count; begin += episodes) {
    const std::span returns_of_member = std::span(returns).subspan(begin, episodes);
    result.per_episode.emplace_back(returns_of_member.begin(), returns_of_member.end());
    result.mean.push_back(MeanOf(returns_of_member));
    result.mean_length.push_back(MeanOf(std::span(lengths).subspan(begin, episodes)));
  }
  return result;
}

}  // namespace duet::runners
