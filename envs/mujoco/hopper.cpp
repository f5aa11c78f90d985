#include "envs/mujoco/hopper.h"

#include <array>
#include <string_view>

#include "envs/mujoco/planar_walker.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 6> kJoints = {"torso along x", "torso along z", "torso",
                                                     "hip",           "knee",          "ankle"};

}  // namespace

std::unique_ptr<Env> MakeHopper(OptionReader& options) {
  PlanarWalkerOptions settings = {
      .body = {.ctrl_cost_weight = 1e-3, .reset_noise_scale = 5e-3, .frame_skip = 4},
      .health = {.healthy_reward = 1.0, .healthy_z_range = {.low = 0.7}},
      .healthy_angle_range = {-0.2, 0.2},
      .healthy_state_range = {-100.0, 100.0}};
  ReadOptions(options, settings);
  options.Range("healthy_state_range", settings.healthy_state_range);
  return MakePlanarWalker({.id = "Hopper-v5", .model = "hopper", .joints = kJoints}, settings);
}

}  // namespace duet::envs
