// Pusher-v5: push a cylinder over a table to a goal, with an arm of seven joints.
//
//   observation   0-6     angles of the joints shoulder pan, shoulder lift, upper arm
//                         roll, elbow, forearm roll, wrist flex, wrist roll         rad
//                 7-13    angular velocities of these joints                        rad/s
//                 14-16   position of the arm's end, x, y, z                        m
//                 17-19   position of the cylinder                                  m
//                 20-22   position of the goal                                      m
//   action        0-6     torques at the joints, in [-2, 2]                         N m
//   reward        -distance of cylinder and goal - 0.1 * sum of squared actions
//                 - 0.5 * distance of cylinder and arm's end
//   end           none
//   reset         the arm in rest position; the cylinder at U(-0.3, 0), U(-0.2, 0.2) (y, x) from
//   the
//                 goal, farther than 0.17 m; qvel of the arm U(-0.005, 0.005)
//   options       reward_near_weight 0.5, reward_dist_weight 1, reward_control_weight 0.1,
//                 frame_skip 5
//
// The three positions are those of the last physics step: a substep behind the angles.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakePusher(OptionReader& options);

}  // namespace duet::envs
