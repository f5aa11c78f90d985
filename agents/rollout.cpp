#include "agents/rollout.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "core/error.h"

namespace duet::agents {

Rollout::Rollout(std::int64_t members, std::int64_t envs, std::int64_t steps,
                 std::int64_t observation_size, std::int64_t action_size)
    : observations(at::zeros({members, steps * envs, observation_size}, at::kFloat)),
      next_observations(at::zeros_like(observations)),
      actions(at::zeros({members, steps * envs, action_size}, at::kFloat)),
      log_probs(at::zeros({members, steps * envs}, at::kFloat)),
      rewards(at::zeros_like(log_probs)),
      terminated(at::zeros({members, steps * envs}, at::kByte)),
      truncated(at::zeros_like(terminated)),
      members_(members),
      envs_(envs),
      steps_(steps) {}

template <typename T>
void Rollout::Append(const Tensor& to, std::span<const T> values) const {
  const auto per_member = static_cast<std::int64_t>(values.size()) / members_;
  T* row = to.mutable_data_ptr<T>() + num_steps_ * per_member;
  for (std::int64_t m = 0; m < members_; ++m) {
    std::copy_n(values.data() + m * per_member, per_member, row + m * steps_ * per_member);
  }
}

void Rollout::Add(const Decisions& decisions, std::span<const float> step_rewards,
                  const Transitions& transitions) {
  if (full()) throw std::logic_error("the rollout is full: take the updates that are due");
  Append(observations, decisions.observations);
  Append(next_observations, transitions.final_observations);
  Append(actions, decisions.actions);
  Append(log_probs, decisions.log_probs);
  Append(rewards, step_rewards);
  Append(terminated, transitions.terminated);
  Append(truncated, transitions.truncated);
  ++num_steps_;
}

void Rollout::Save(core::ArchiveWriter& archive, const std::string& name) const {
  archive.AddNumber(name + ".num_steps", num_steps_);
  SaveTensor(archive, name + ".observations", observations);
  SaveTensor(archive, name + ".next_observations", next_observations);
  SaveTensor(archive, name + ".actions", actions);
  SaveTensor(archive, name + ".log_probs", log_probs);
  SaveTensor(archive, name + ".rewards", rewards);
  SaveTensor(archive, name + ".terminated", terminated);
  SaveTensor(archive, name + ".truncated", truncated);
}

void Rollout::Load(const core::ArchiveReader& archive, const std::string& name) {
  const std::int64_t num_steps = archive.GetNumber(name + ".num_steps");
  if (num_steps < 0 || num_steps > steps_) {
    throw IoError(fmt::format("{}: {} steps of a rollout do not fit one of {}",
                              archive.path().string(), num_steps, steps_));
  }
  LoadTensor(archive, name + ".observations", observations);
  LoadTensor(archive, name + ".next_observations", next_observations);
  LoadTensor(archive, name + ".actions", actions);
  LoadTensor(archive, name + ".log_probs", log_probs);
  LoadTensor(archive, name + ".rewards", rewards);
  LoadTensor(archive, name + ".terminated", terminated);
  LoadTensor(archive, name + ".truncated", truncated);
  num_steps_ = num_steps;
}

}  // namespace duet::agents
