// CartPole-v1: keep a pole upright on a cart by pushing the cart left or right.
//
//   observation   0-1     position and velocity of the cart                        m, m/s
//                 2-3     angle of the pole from upright, angular velocity         rad, rad/s
//   action        0, 1    push left, push right, with 10 N
//   reward        1 in every step, also the last one; with sutton_barto_reward 0, and -1 in the
//   step
//                 in which the pole falls
//   end           terminated at |position| > 2.4 m or |angle| > 12 degrees
//   reset         all four numbers: U(-0.05, 0.05)
//   options       sutton_barto_reward false
//
// The equations are those of Barto, Sutton and Anderson (1983) as corrected by Florian, "Correct
// equations for the dynamics of the cart-pole system" (2007), without friction, in explicit Euler
// steps of 0.02 s.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeCartPole(OptionReader& options);

}  // namespace duet::envs
