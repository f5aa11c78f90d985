// InvertedDoublePendulum-v5: keep two poles, one on top of the other, upright on a cart.
//
//   observation   0      position of the cart                              m
//                 1-2    sine of the angle of the lower, the upper pole
//                 3-4    cosine of the same angles
//                 5-7    velocities of cart and poles, clipped to +-10     m/s, rad/s
//                 8      constraint force on the cart, clipped to +-10     N
//   action        0      force on the cart                                 500 N, in [-1, 1]
//   reward        10 for every step that does not terminate
//                 - (0.01 x^2 + (y - 2)^2)         (x, y): the tip, across and up, m
//                 - (1e-3 v1^2 + 5e-3 v2^2)        angular velocities of the poles
//   end           terminated where y <= 1
//   reset         qpos U(-0.1, 0.1), qvel 0.1 N(0, 1)
//   options       healthy_reward 10, reset_noise_scale 0.1, frame_skip 5
//
// The tip is where the last physics step saw it: a substep behind the angles.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeInvertedDoublePendulum(OptionReader& options);

}  // namespace duet::envs
