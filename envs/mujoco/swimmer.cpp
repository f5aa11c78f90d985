#include "envs/mujoco/swimmer.h"

#include <array>
#include <string_view>

#include "envs/mujoco/locomotion.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 5> kJoints = {"front rod along x", "front rod along y",
                                                     "front rod", "front joint", "rear joint"};

}  // namespace

std::unique_ptr<Env> MakeSwimmer(OptionReader& options) {
  LocomotionOptions settings = {
      .ctrl_cost_weight = 1e-4, .reset_noise_scale = 0.1, .frame_skip = 4};
  ReadOptions(options, settings);
  return MakeForwardMover({.id = "Swimmer-v5", .model = "swimmer", .joints = kJoints}, settings, 2);
}

}  // namespace duet::envs
