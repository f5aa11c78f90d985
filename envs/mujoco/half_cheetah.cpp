#include "envs/mujoco/half_cheetah.h"

#include <utility>

#include "envs/mujoco/locomotion.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "HalfCheetah-v5";

}  // namespace

std::unique_ptr<Env> MakeHalfCheetah(OptionReader& options) {
  LocomotionOptions settings = {.ctrl_cost_weight = 0.1, .reset_noise_scale = 0.1, .frame_skip = 5};
  ReadOptions(options, settings);
  MujocoTask task = {.id = kId,
                     .model = "half_cheetah",
                     .total_mass = 14.0,
                     .frame_skip = settings.frame_skip,
                     .reset_noise_scale = settings.reset_noise_scale,
                     .velocity_noise = VelocityNoise::kNormal};
  return MakeForwardMover(std::move(task), settings, 1);
}

}  // namespace duet::envs
