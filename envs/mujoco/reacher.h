// Reacher-v5: move the tip of an arm of two links to a target in the plane.
//
//   observation   0-1    cosine of the angles of shoulder and elbow
//                 2-3    sine of the same angles
//                 4-5    position of the target, x and y                      m
//                 6-7    angular velocities of shoulder and elbow             rad/s
//                 8-9    fingertip less target, x and y                       m
//   action        0-1    torques at shoulder and elbow, in [-1, 1], times 200 N m
//   reward        -distance of fingertip and target - sum of squared actions
//   end           none
//   reset         qpos of the arm U(-0.1, 0.1), the target uniform in the disc of radius 0.2 m;
//                 qvel of the arm U(-0.005, 0.005), the target at rest
//   options       reward_dist_weight 1, reward_control_weight 1, frame_skip 2
//
// Fingertip and target are where the last physics step saw them: a substep behind the angles.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeReacher(OptionReader& options);

}  // namespace duet::envs
