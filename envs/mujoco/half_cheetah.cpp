#include "envs/mujoco/half_cheetah.h"

#include <array>
#include <string_view>
#include <utility>

#include "envs/mujoco/locomotion.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 9> kJoints = {
    "torso along x", "torso along z", "torso",      "hind hip",   "hind knee",
    "hind ankle",    "front hip",     "front knee", "front ankle"};

}  // namespace

std::unique_ptr<Env> MakeHalfCheetah(OptionReader& options) {
  LocomotionOptions settings = {.ctrl_cost_weight = 0.1, .reset_noise_scale = 0.1, .frame_skip = 5};
  ReadOptions(options, settings);
  MujocoTask task = {.id = "HalfCheetah-v5",
                     .model = "half_cheetah",
                     .total_mass = 14.0,
                     .draw = &DrawNormalVelocities,
                     .joints = kJoints};
  return MakeForwardMover(std::move(task), settings, 1);
}

}  // namespace duet::envs
