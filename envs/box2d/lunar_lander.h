// LunarLander-v3: come down between two flags, softly and upright.
//
//   observation   0, 1  x from the pad's middle, y above rest on the pad        10 m, 6.67 m
//                 2, 3  velocity along x, y                                     5 m/s, 7.5 m/s
//                 4     angle                                                   rad
//                 5     angular velocity                                        2.5 rad/s
//                 6, 7  whether the leg on the right, on the left touches       0 or 1
//   action        one of 0 nothing, 1 left engine, 2 main engine, 3 right engine; continuous
//   instead:
//                 0     main engine: off up to 0, then half to full power at 1, clipped to [-1, 1]
//                 1     side engines: left below -0.5, right above 0.5, power |a|, clipped to [-1,
//                 1]
//   reward        change of -100 distance - 100 speed - 100 |angle| + 10 per leg that touches, of
//   the
//                 observed numbers, - 0.3 main power - 0.03 side power; -100 for a crash or a
//                 flight out of sight, +100 for coming to rest
//   end           terminated where the body touches anything, |x| >= 1, or the lander sleeps
//   reset         terrain of 12 heights, force on the lander U(-1000, 1000) N along x and y for one
//   step random        engines are displaced by two U(-1, 1) numbers of every step options
//   continuous false, gravity -10 (in (-12, 0)), enable_wind false, wind_power 15,
//                 turbulence_power 1.5
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeLunarLander(OptionReader& options);

}  // namespace duet::envs
