// Acrobot-v1: swing the lower end of a double pendulum above the bar by a motor between its links.
//
//   observation   0-1     cosine and sine of the first link's angle from hanging down
//                 2-3     cosine and sine of the second link's angle from the first's direction
//                 4-5     angular velocities                                       rad/s
//   action        0-2     torque of -1, 0, 1 on the joint between the links        N m
//   reward        -1 in every step, 0 in the step that reaches the goal
//   end           terminated where the lower end is more than one link above the bar
//   reset         all four numbers of the state: U(-0.1, 0.1)
//   options       none
//
// The equations are those of Sutton and Barto's book (section 11.3 of its first edition), in one
// classical Runge-Kutta step of 0.2 s.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeAcrobot(OptionReader& options);

}  // namespace duet::envs
