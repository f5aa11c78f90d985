// Swimmer-v5: three rods swim to the right in a thick fluid.
//
//   observation   0       angle of the front rod                                   rad
//                 1-2     angles of the two joints                                 rad
//                 3-4     velocity of the front rod along x, y                     m/s
//                 5-7     angular velocities in the order of 0-2                   rad/s
//   action        0-1     torques of the joints, in [-1, 1], times 150             N m
//   reward        vx - 1e-4 * sum of squared actions; vx: mean velocity over the step
//   end           none
//   reset         qpos and qvel U(-0.1, 0.1)
//   options       forward_reward_weight 1, ctrl_cost_weight 1e-4, reset_noise_scale 0.1,
//                 frame_skip 4,
//                 exclude_current_positions_from_observation true (false: x, y first)
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeSwimmer(OptionReader& options);

}  // namespace duet::envs
