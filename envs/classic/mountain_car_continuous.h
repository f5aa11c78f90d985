// MountainCarContinuous-v0: rock a weak car out of a valley to the flag on the right hill.
//
//   observation   0       position along x; the valley is at -0.52                 (unit of length)
//                 1       velocity                                                 (per step)
//   action        0       force, clipped to [-1, 1], times 0.0015
//   reward        100 in the step that reaches the goal, minus 0.1 times the square of the action
//   as
//                 it was given
//   end           terminated at x >= 0.45 with a velocity >= goal_velocity
//   reset         x: U(-0.6, -0.4); at rest
//   options       goal_velocity 0
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeMountainCarContinuous(OptionReader& options);

}  // namespace duet::envs
