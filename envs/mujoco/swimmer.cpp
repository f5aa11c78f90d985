#include "envs/mujoco/swimmer.h"

#include <utility>

#include "envs/mujoco/locomotion.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "Swimmer-v5";

}  // namespace

std::unique_ptr<Env> MakeSwimmer(OptionReader& options) {
  LocomotionOptions settings = {
      .ctrl_cost_weight = 1e-4, .reset_noise_scale = 0.1, .frame_skip = 4};
  ReadOptions(options, settings);
  MujocoTask task = {.id = kId,
                     .model = "swimmer",
                     .frame_skip = settings.frame_skip,
                     .reset_noise_scale = settings.reset_noise_scale};
  return MakeForwardMover(std::move(task), settings, 2);
}

}  // namespace duet::envs
