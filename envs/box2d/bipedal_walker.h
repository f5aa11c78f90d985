// BipedalWalker-v3 and BipedalWalkerHardcore-v3: walk to the far end on two legs without falling.
//
//   observation   0      angle of the hull                                        rad
//                 1      angular velocity of the hull                             25 rad/s
//                 2, 3   velocity of the hull along x, y                          8.33, 12.5 m/s
//                 4      angle of the first leg's hip                             rad
//                 5      angular velocity of that hip                             4 rad/s
//                 6      angle of its knee + 1                                    rad
//                 7      angular velocity of that knee                            6 rad/s
//                 8      whether its lower half touches the ground                0 or 1
//                 9-13   as 4-8 for the second leg
//                 14-23  lidar: distance to the ground along rays of 5.33 m,      0 to 1 (nothing
//                 hit)
//                        from straight down forward in steps of 0.15 rad
//   action        0-3    hip, knee, hip, knee: |a| up to 1 times 80 N m at most, with which the
//   motor
//                        seeks 4 rad/s (hip) or 6 rad/s (knee) in the sign's direction
//   reward        change of 130/30 x - 5 |angle|, less 0.028 min(|a|, 1) per joint; -100 for a fall
//   end           terminated where the hull touches anything, x < 0, or x > 88.7 m (the far end)
//   reset         terrain as in walker_terrain.h; force on the hull U(-5, 5) N along x for one step
//   options       hardcore false (BipedalWalkerHardcore-v3: true): with stumps, stairs and pits
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

// Either id, as the reader says.
std::unique_ptr<Env> MakeBipedalWalker(OptionReader& options);

}  // namespace duet::envs
