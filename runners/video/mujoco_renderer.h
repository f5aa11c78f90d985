// Pictures of MuJoCo tasks by MuJoCo's own renderer.
#pragma once

#include <memory>

#include "envs/mujoco/mujoco_env.h"
#include "runners/video/renderer.h"

namespace duet::video {

// `env` must live as long as the renderer. Throws Error where there is no OpenGL, or where it
// cannot draw pictures of the size.
std::unique_ptr<Renderer> MakeMujocoRenderer(const envs::MujocoEnv& env,
                                             const SizeRequest& request);

}  // namespace duet::video
