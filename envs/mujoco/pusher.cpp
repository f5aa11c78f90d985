#include "envs/mujoco/pusher.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/quantities.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr int kArmJoints = 7;
constexpr std::array<std::string_view, 11> kJoints = {
    "shoulder pan",     "shoulder lift", "upper arm roll", "elbow",
    "forearm roll",     "wrist flex",    "wrist roll",     "cylinder along y",
    "cylinder along x", "goal along y",  "goal along x"};
constexpr double kMinDistance = 0.17;  // of cylinder and goal at the start, m

struct PusherOptions {
  double reward_near_weight = 0.5;     // per m between cylinder and arm
  double reward_dist_weight = 1.0;     // per m between cylinder and goal
  double reward_control_weight = 0.1;  // per squared action
};

// The goal stays where the model has it, and the cylinder's place is drawn relative to it.
void DrawCylinder(const mjModel& model, double, core::NumpyRng& rng, mjData& data) {
  double* cylinder = data.qpos + kArmJoints;
  do {
    cylinder[0] = rng.Uniform(-0.3, 0.0);
    cylinder[1] = rng.Uniform(-0.2, 0.2);
  } while (std::sqrt(cylinder[0] * cylinder[0] + cylinder[1] * cylinder[1]) <= kMinDistance);
  for (int i = 0; i < model.nv; ++i) data.qvel[i] += rng.Uniform(-0.005, 0.005);
  std::fill(data.qvel + kArmJoints, data.qvel + model.nv, 0.0);
}

class Pusher : public MujocoEnv {
 public:
  Pusher(MujocoTask task, const PusherOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        tip_(mj_name2id(&model(), mjOBJ_BODY, "tips_arm")),
        cylinder_(mj_name2id(&model(), mjOBJ_BODY, "object")),
        goal_(mj_name2id(&model(), mjOBJ_BODY, "goal")) {
    SetObservationSize(2 * kArmJoints + 9);
  }

 private:
  const double* PlaceOf(int body) const { return data().xpos + 3 * body; }

  void WriteObservation(std::span<double> observation) const override {
    auto out = std::copy_n(data().qpos, kArmJoints, observation.begin());
    out = std::copy_n(data().qvel, kArmJoints, out);
    for (const int body : {tip_, cylinder_, goal_}) out = std::copy_n(PlaceOf(body), 3, out);
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    DescribePositions({model(), task().joints}, 0, quantities);
    quantities.resize(kArmJoints);
    DescribeVelocities({model(), task().joints}, "", quantities);
    quantities.resize(2 * kArmJoints);
    for (const char* body : {"arm's end", "cylinder", "goal"}) {
      for (const char* axis : {"x", "y", "z"}) {
        quantities.push_back({fmt::format("position of the {} along {}", body, axis), "m"});
      }
    }
  }

  StepResult Judge(std::span<const float> action, double) const override {
    const double near = -Distance(PlaceOf(cylinder_), PlaceOf(tip_)) * options_.reward_near_weight;
    const double distance =
        -Distance(PlaceOf(cylinder_), PlaceOf(goal_)) * options_.reward_dist_weight;
    return {.reward = distance - ControlCost(options_.reward_control_weight, action) + near};
  }

  PusherOptions options_;
  int tip_, cylinder_, goal_;  // bodies
};

}  // namespace

std::unique_ptr<Env> MakePusher(OptionReader& options) {
  PusherOptions settings;
  MujocoTask task = {.id = "Pusher-v5",
                     .model = "pusher",
                     .frame_skip = 5,
                     .draw = &DrawCylinder,
                     .joints = kJoints};
  options.Number("reward_near_weight", settings.reward_near_weight);
  options.Number("reward_dist_weight", settings.reward_dist_weight);
  options.Number("reward_control_weight", settings.reward_control_weight);
  options.Count("frame_skip", task.frame_skip, 1, 1000);
  return std::make_unique<Pusher>(std::move(task), settings);
}

}  // namespace duet::envs
