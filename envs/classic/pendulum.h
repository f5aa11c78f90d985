// Pendulum-v1: swing a pole up and keep it there.
//
//   observation   0-1     cosine and sine of the angle from upright
//                 2       angular velocity                                         rad/s
//   action        0       torque on the joint, clipped to [-2, 2]                  N m
//   reward        -(a^2 + 0.1 w^2 + 0.001 u^2) with the angle a in [-pi, pi) and the velocity w
//                 before the step, and the clipped torque u
//   end           never
//   reset         angle: U(-pi, pi) rad; velocity: U(-1, 1) rad/s
//   options       g 10 (acceleration of gravity, m/s^2)
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakePendulum(OptionReader& options);

}  // namespace duet::envs
