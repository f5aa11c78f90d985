#include "envs/time_limit.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "core/error.h"

namespace duet::envs {

TimeLimit::TimeLimit(std::unique_ptr<Env> env, std::int64_t max_episode_steps)
    : Wrapper("limit", std::move(env)) {
  if (max_episode_steps <= 0) {
    throw ConfigError(fmt::format("{}: max_episode_steps = {}; allowed is a number above 0",
                                  spec().id, max_episode_steps));
  }
  mutable_spec().max_episode_steps = max_episode_steps;
}

void TimeLimit::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  running_ = false;
  inner().Reset(seed, observation);
  num_steps_ = 0;
  running_ = true;
}

StepResult TimeLimit::Step(ActionView action, std::span<double> observation) {
  if (!running_) throw std::logic_error(spec().id + ": Step without a Reset before it");
  running_ = false;  // stays so where the step throws
  StepResult result = inner().Step(action, observation);
  ++num_steps_;
  result.truncated = num_steps_ >= spec().max_episode_steps;
  running_ = !result.terminated && !result.truncated;
  return result;
}

void TimeLimit::SaveOwnState(StateWriter& writer) const {
  writer.Add(num_steps_);
  writer.Add(std::int64_t{running_});
}

void TimeLimit::LoadOwnState(StateReader& reader) {
  const std::int64_t num_steps = reader.Integer();
  const std::int64_t running = reader.Integer();
  if (num_steps < 0 || running < 0 || running > 1) reader.Damaged("the step counter");
  num_steps_ = num_steps;
  running_ = running == 1;
}

void TimeLimit::StartFrom(const RecordedState& state, std::span<double> observation) {
  auto* replayable = dynamic_cast<Replayable*>(&inner());
  if (replayable == nullptr) {
    throw ConfigError(spec().id + ": cannot start from a recorded state");
  }
  running_ = false;
  replayable->StartFrom(state, observation);
  num_steps_ = state.step;
  running_ = true;
}

bool TimeLimit::starts_anywhere() const {
  const auto* replayable = dynamic_cast<const Replayable*>(&inner());
  return replayable != nullptr && replayable->starts_anywhere();
}

}  // namespace duet::envs
