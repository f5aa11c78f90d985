// InvertedPendulum-v5: keep a pole upright on a cart.
//
//   observation   0  position of the cart             m
//                 1  angle of the pole from upright   rad
//                 2  velocity of the cart             m/s
//                 3  angular velocity of the pole     rad/s
//   action        0  force on the cart                100 N, in [-3, 3]
//   reward        1 for every step that does not terminate
//   end           terminated where |angle| > 0.2 rad
//   reset         all of qpos and qvel U(-0.01, 0.01)
//   options       reset_noise_scale 0.01, frame_skip 2
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeInvertedPendulum(OptionReader& options);

}  // namespace duet::envs
