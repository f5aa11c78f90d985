#include "envs/mujoco/walker2d.h"

#include <array>
#include <string_view>

#include "envs/mujoco/planar_walker.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 9> kJoints = {
    "torso along x", "torso along z", "torso",     "right hip", "right knee",
    "right ankle",   "left hip",      "left knee", "left ankle"};

}  // namespace

std::unique_ptr<Env> MakeWalker2d(OptionReader& options) {
  PlanarWalkerOptions settings = {
      .body = {.ctrl_cost_weight = 1e-3, .reset_noise_scale = 5e-3, .frame_skip = 4},
      .health = {.healthy_reward = 1.0, .healthy_z_range = {0.8, 2.0}},
      .healthy_angle_range = {-1.0, 1.0},
      .healthy_state_range = {}};
  ReadOptions(options, settings);
  return MakePlanarWalker({.id = "Walker2d-v5", .model = "walker2d", .joints = kJoints}, settings);
}

}  // namespace duet::envs
