// A task of somebody's own: a MuJoCo model file and, in settings, what is observed, what is
// rewarded and what ends an episode.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "envs/env.h"
#include "envs/mujoco/mjcf_task.h"

namespace duet::envs {

// An id of this form names such a task: "mjcf:path/to/model.xml".
inline constexpr std::string_view kMjcfPrefix = "mjcf:";

// The task on the model of `id`, without a step limit. All such environments of a program share the
// compiled model. Actions are the model's ctrl, with its ctrlrange. Throws MjcfTaskError where the
// task does not fit the model, where the model cannot be compiled, or where there is nothing to
// observe or to act with; IoError where the file cannot be read.
std::unique_ptr<Env> MakeMjcfEnv(std::string_view id, const MjcfTask& task);

}  // namespace duet::envs
