#include "runners/evaluator.h"

#include <algorithm>
#include <numeric>

#include "core/random.h"

namespace duet::runners {

void ScaleActions(const envs::EnvSpec& spec, std::span<const float> actions,
                  std::span<float> scaled) {
  const std::size_t size = spec.action_low.size();
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const float low = spec.action_low[i % size];
    const float high = spec.action_high[i % size];
    scaled[i] = std::clamp(low + 0.5F * (actions[i] + 1.0F) * (high - low), low, high);
  }
}

Evaluator::Evaluator(const std::string& env_id, const EvaluationConfig& config,
                     std::int64_t members, std::int64_t num_threads)
    : config_(config), members_(members), env_(env_id, members * config.episodes, num_threads) {}

Evaluator::Returns Evaluator::Evaluate(agents::Agent& agent) {
  const std::size_t count = static_cast<std::size_t>(env_.size());
  const std::size_t episodes = static_cast<std::size_t>(config_.episodes);
  std::vector<std::uint64_t> seeds(count);
  for (std::size_t i = 0; i < count; ++i) {
    seeds[i] =
        core::SplitSeed(static_cast<std::uint64_t>(config_.seed), "evaluation", i % episodes);
  }
  env_.Reset(seeds);
  const std::size_t action_values = count * env_.spec().action_low.size();
  std::vector<float> actions(action_values), scaled(action_values);
  std::vector<double> returns(count, 0.0);
  std::vector<char> running(count, 1);
  for (std::size_t num_running = count; num_running > 0;) {
    agent.Act(env_.observations(), agents::ActMode::kGreedy, actions);
    ScaleActions(env_.spec(), actions, scaled);
    env_.Step(scaled);
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
