// The environments of a run: a task with its settings, its step limit and wrappers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/fields.h"
#include "envs/env.h"
#include "envs/env_options.h"
#include "envs/mujoco/mjcf_task.h"

namespace duet::runners {

// What lies between a learner and the task; all off as it stands. An action passes action_delay,
// action_noise, is clipped to [-1, 1] and scaled to the task's range; an observation passes
// observation_noise, observation_delay and frame_stack.
struct WrapperConfig {
  std::int64_t action_delay = 0;       // steps
  double action_noise = 0.0;           // standard deviation; 1: half the range of an action
  double observation_noise = 0.0;      // standard deviation, in units of the observation
  std::int64_t observation_delay = 0;  // steps
  std::int64_t frame_stack = 1;        // latest observations seen at once, the oldest first

  bool operator==(const WrapperConfig&) const = default;
};
void VisitFields(core::FieldVisitor& v, WrapperConfig& c);

struct EnvironmentConfig {
  std::string id = "InvertedPendulum-v5";  // or "mjcf:FILE", a task of one's own
  std::int64_t max_episode_steps = 0;      // 0: the task's own limit
  std::int64_t per_learner = 1;            // environments that each learner acts in at once
  envs::EnvOptions options = {};           // of the task, with Gymnasium's names
  WrapperConfig wrappers = {};
  envs::MjcfTask task = {};  // with mjcf:FILE only
};
void VisitFields(core::FieldVisitor& v, EnvironmentConfig& c);

// The settings of a task of one's own as a section [env.task]: what VisitFields above adds where
// the id names a model file. For help.
struct ModelTaskHelp {
  envs::MjcfTask task = {.reward = {{}}, .termination = {{}}};
};
void VisitFields(core::FieldVisitor& v, ModelTaskHelp& c);

// The id; of a model file without its folder.
std::string TaskId(const EnvironmentConfig& config);

// The task for people and for telling tasks apart, since returns under other settings do not
// compare: TaskId and what is not as it stands, as in "Ant-v5 (healthy_reward = 2)". A task on a
// model file is told apart by the first digits of a digest of the file and of its settings.
std::string TaskName(const EnvironmentConfig& config);

// Makes the file of an id mjcf:FILE, which is relative to `folder`, absolute; any other id as it
// is.
std::string AbsoluteId(const std::string& id, const std::filesystem::path& folder);

// The task with its options and step limit, without wrappers. Throws OptionError on an option that
// it does not have or allow, MjcfTaskError where a task of one's own does not fit its model, and
// ConfigError or IoError where there is no such task.
std::unique_ptr<envs::Env> MakeTask(const EnvironmentConfig& config);

// The environment that learners act in: MakeTask in wrappers. Its actions are in [-1, 1], or
// indices where the task's are. Throws as MakeTask, and ConfigError on a wrapper that does not fit
// the task's actions.
std::unique_ptr<envs::Env> MakeRunEnv(const EnvironmentConfig& config);

// Agents hand out the index of a discrete action as one number. How many numbers an action of
// theirs has, agents::AgentSpec::action_size, and such an action, [A], for the environment.
std::int64_t AgentActionSize(const envs::EnvSpec& spec);
envs::ActionView ToActionView(const envs::EnvSpec& spec, std::span<const float> action);

// From [-1, 1], clipped, to the units of the environment, entry by entry.
void ScaleActions(const envs::EnvSpec& spec, std::span<const float> actions,
                  std::span<float> scaled);

}  // namespace duet::runners
