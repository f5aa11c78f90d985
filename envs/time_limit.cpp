#include "envs/time_limit.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "envs/state_bytes.h"

namespace duet::envs {

TimeLimit::TimeLimit(std::unique_ptr<Env> env, std::int64_t max_episode_steps)
    : env_(std::move(env)), spec_(env_->spec()) {
  if (max_episode_steps <= 0) {
    throw ConfigError(fmt::format("{}: max_episode_steps = {}; allowed is a number above 0",
                                  spec_.id, max_episode_steps));
  }
  spec_.max_episode_steps = max_episode_steps;
}

void TimeLimit::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  running_ = false;
  env_->Reset(seed, observation);
  num_steps_ = 0;
  running_ = true;
}

StepResult TimeLimit::Step(ActionView action, std::span<double> observation) {
  if (!running_) throw std::logic_error(spec_.id + ": Step without a Reset before it");
  running_ = false;  // stays so where the step throws
  StepResult result = env_->Step(action, observation);
  ++num_steps_;
  result.truncated = num_steps_ >= spec_.max_episode_steps;
  running_ = !result.terminated && !result.truncated;
  return result;
}

std::string TimeLimit::SaveState() const {
  StateWriter writer("limit", spec_.id);
  writer.Add(num_steps_);
  writer.Add(std::int64_t{running_});
  writer.Add(env_->SaveState());
  return writer.Finish();
}

void TimeLimit::LoadState(const std::string& state) {
  StateReader reader("limit", spec_.id, state);
  const std::int64_t num_steps = reader.Integer();
  const std::int64_t running = reader.Integer();
  const std::string inner = reader.Text();
  reader.Finish();
  if (num_steps < 0 || running < 0 || running > 1) reader.Damaged("the step counter");
  env_->LoadState(inner);
  num_steps_ = num_steps;
  running_ = running == 1;
}

void TimeLimit::StartFrom(const RecordedState& state, std::span<double> observation) {
  auto* replayable = dynamic_cast<Replayable*>(env_.get());
  if (replayable == nullptr) {
    throw ConfigError(spec_.id + ": cannot start from a recorded state");
  }
  running_ = false;
  replayable->StartFrom(state, observation);
  num_steps_ = state.step;
  running_ = true;
}

bool TimeLimit::starts_anywhere() const {
  const auto* replayable = dynamic_cast<const Replayable*>(env_.get());
  return replayable != nullptr && replayable->starts_anywhere();
}

}  // namespace duet::envs
