// HumanoidStandup-v5: stand up from lying on the back.
//
//   observation   as Humanoid-v5's, see humanoid.h
//   action        as Humanoid-v5's
//   reward        height of the torso / duration of a physics step (0.003 s)
//                 - 0.1 * sum of squared actions - min(5e-7 * sum of squared external forces, 10) +
//                 1
//   end           none
//   reset         qpos and qvel: rest + U(-0.01, 0.01), the quaternion not normalised
//   options       ctrl_cost_weight 0.1, impact_cost_weight 5e-7, impact_cost_range [-inf, 10],
//                 reset_noise_scale 0.01, frame_skip 5,
//                 exclude_current_positions_from_observation true (false: x, y first),
//                 include_{cinert,cvel,qfrc_actuator,cfrc_ext}_in_observation true,
//                 uph_cost_weight 1, which changes nothing, as in Gymnasium 1.4
//
// Inertias and forces are those of the last physics step: a substep behind qpos.
#pragma once

#include <memory>

#include "envs/env.h"
#include "envs/env_options.h"

namespace duet::envs {

std::unique_ptr<Env> MakeHumanoidStandup(OptionReader& options);

}  // namespace duet::envs
