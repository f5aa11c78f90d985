#include "runners/video/recording.h"

#include <cmath>

namespace duet::video {

RandomActor::RandomActor(const envs::EnvSpec& spec)
    : spec_(spec), action_(spec.action_low.size()) {}

void RandomActor::Begin(std::uint64_t seed) { rng_.Seed(core::SplitSeed(seed, "random policy")); }

envs::ActionView RandomActor::Act(std::span<const double> /*observation*/) {
  if (spec_.discrete()) return rng_.Index(spec_.num_actions);
  for (std::size_t i = 0; i < action_.size(); ++i) {
    const double low = std::isfinite(spec_.action_low[i]) ? spec_.action_low[i] : -1.0;
    const double high = std::isfinite(spec_.action_high[i]) ? spec_.action_high[i] : 1.0;
    action_[i] = static_cast<float>(rng_.Uniform(low, high));
  }
  return std::span<const float>(action_);
}

double RealTimeRate(const envs::EnvSpec& spec) {
  constexpr double kUsualRate = 30.0;
  return spec.step_seconds > 0.0 ? 1.0 / spec.step_seconds : kUsualRate;
}

Episode PlayEpisode(envs::Env& env, Actor& actor, std::uint64_t seed,
                    const std::function<void(std::int64_t length)>& after_step) {
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size));
  Episode episode{.seed = seed};
  env.Reset(seed, observation);
  actor.Begin(seed);
  for (bool ended = false; !ended;) {
    const envs::StepResult result = env.Step(actor.Act(observation), observation);
    episode.episode_return += result.reward;
    episode.terminated = result.terminated;
    ++episode.length;
    ended = result.terminated || result.truncated;
    after_step(episode.length);
  }
  return episode;
}

}  // namespace duet::video
