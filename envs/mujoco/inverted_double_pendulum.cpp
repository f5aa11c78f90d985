#include "envs/mujoco/inverted_double_pendulum.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/quantities.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 3> kJoints = {"cart", "lower pole", "upper pole"};
constexpr double kLimit = 10.0;  // of observed velocities and forces

class InvertedDoublePendulum : public MujocoEnv {
 public:
  InvertedDoublePendulum(MujocoTask task, double healthy_reward)
      : MujocoEnv(std::move(task)), healthy_reward_(healthy_reward) {
    SetObservationSize(9);
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    observation[0] = data().qpos[0];
    for (std::size_t i = 0; i < 2; ++i) {
      observation[1 + i] = std::sin(data().qpos[1 + i]);
      observation[3 + i] = std::cos(data().qpos[1 + i]);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      observation[5 + i] = std::clamp(data().qvel[i], -kLimit, kLimit);
    }
    observation[8] = std::clamp(data().qfrc_constraint[0], -kLimit, kLimit);
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    quantities = {{"position of the cart", "m"},
                  {"sine of the angle of the lower pole from upright", ""},
                  {"sine of the angle of the upper pole from the lower", ""},
                  {"cosine of the angle of the lower pole from upright", ""},
                  {"cosine of the angle of the upper pole from the lower", ""}};
    DescribeVelocities({model(), task().joints}, ", clipped to +-10", quantities);
    quantities.push_back({"constraint force on the cart, clipped to +-10", "N"});
  }

  StepResult Judge(std::span<const float>, double) const override {
    const double x = data().site_xpos[0];
    const double y = data().site_xpos[2];
    const double v1 = data().qvel[1];
    const double v2 = data().qvel[2];
    const bool terminated = y <= 1.0;
    const double distance_penalty = 0.01 * (x * x) + (y - 2.0) * (y - 2.0);
    const double velocity_penalty = 1e-3 * (v1 * v1) + 5e-3 * (v2 * v2);
    const double alive_bonus = terminated ? 0.0 : healthy_reward_;
    return {.reward = alive_bonus - distance_penalty - velocity_penalty, .terminated = terminated};
  }

  double healthy_reward_;
};

}  // namespace

std::unique_ptr<Env> MakeInvertedDoublePendulum(OptionReader& options) {
  MujocoTask task = {.id = "InvertedDoublePendulum-v5",
                     .model = "inverted_double_pendulum",
                     .frame_skip = 5,
                     .reset_noise_scale = 0.1,
                     .draw = &DrawNormalVelocities,
                     .joints = kJoints};
  double healthy_reward = 10.0;
  options.Number("healthy_reward", healthy_reward);
  options.NonNegative("reset_noise_scale", task.reset_noise_scale);
  options.Count("frame_skip", task.frame_skip, 1, 1000);
  return std::make_unique<InvertedDoublePendulum>(std::move(task), healthy_reward);
}

}  // namespace duet::envs
