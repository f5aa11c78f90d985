// MuJoCo models as they are shown: with a sky, a floor, light and colours.
#pragma once

#include <mujoco/mujoco.h>

#include <memory>

#include "envs/mujoco/model.h"
#include "envs/mujoco/mujoco_env.h"
#include "runners/video/image.h"

namespace duet::video {

using ModelHandle = std::unique_ptr<mjModel, envs::ModelDeleter>;

// Whether the model of `env` is one of Duet's own, which say nothing of looks and are dressed for
// pictures. Somebody's own model is shown as it is.
bool IsDressed(const envs::MujocoEnv& env);

// A model of its own for pictures of `env`, of the same bodies and joints, so that positions mean
// the same in both. Pictures are of `size`; each pixel is the mean of `samples` points, 0 for one.
ModelHandle SceneModel(const envs::MujocoEnv& env, Size size, int samples);

// Where the camera stands for a task: for a dressed model as is best for the task, else the model's
// first camera, or a free one on the whole model. A free one follows body 1 along the axes on which
// that can move without limit.
class Camera {
 public:
  // `model` of `env`, as SceneModel gives it.
  Camera(const envs::MujocoEnv& env, const mjModel& model);

  // The camera for a state whose centres of mass are up to date.
  mjvCamera& Follow(const mjData& data);

 private:
  mjvCamera camera_;
  bool follow_x_ = false;
  bool follow_y_ = false;
};

}  // namespace duet::video
