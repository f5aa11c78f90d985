#include "envs/wrappers/episode_statistics.h"

#include <utility>

namespace duet::envs {

EpisodeStatistics::EpisodeStatistics(std::unique_ptr<Env> env)
    : Wrapper("episode_statistics", std::move(env)) {}

void EpisodeStatistics::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  inner().Reset(seed, observation);
  current_ = {};
}

StepResult EpisodeStatistics::Step(ActionView action, std::span<double> observation) {
  const StepResult result = inner().Step(action, observation);
  current_.episode_return += result.reward;
  ++current_.episode_length;
  if (result.terminated || result.truncated) {
    last_ = current_;
    ++num_episodes_;
  }
  return result;
}

void EpisodeStatistics::SaveOwnState(StateWriter& writer) const {
  for (const Episode& episode : {current_, last_}) {
    writer.Add(episode.episode_return);
    writer.Add(episode.episode_length);
  }
  writer.Add(num_episodes_);
}

void EpisodeStatistics::LoadOwnState(StateReader& reader) {
  for (Episode* episode : {&current_, &last_}) {
    episode->episode_return = reader.Number();
    episode->episode_length = reader.Integer();
  }
  num_episodes_ = reader.Integer();
}

}  // namespace duet::envs
