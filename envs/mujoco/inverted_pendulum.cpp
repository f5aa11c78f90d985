#include "envs/mujoco/inverted_pendulum.h"

#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 2> kJoints = {"cart", "pole"};
constexpr double kMaxAngle = 0.2;  // rad

class InvertedPendulum : public MujocoEnv {
 public:
  explicit InvertedPendulum(MujocoTask task) : MujocoEnv(std::move(task)) {
    SetObservationSize(model().nq + model().nv);
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    WritePositionsAndVelocities(model(), data(), 0, observation);
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    quantities = {{"position of the cart", "m"},
                  {"angle of the pole from upright", "rad"},
                  {"velocity of the cart", "m/s"},
                  {"angular velocity of the pole", "rad/s"}};
  }

  StepResult Judge(std::span<const float>, double) const override {
    // Numbers that are not finite never come here: the base class throws on them.
    const bool terminated = std::abs(data().qpos[1]) > kMaxAngle;
    return {.reward = terminated ? 0.0 : 1.0, .terminated = terminated};
  }
};

}  // namespace

std::unique_ptr<Env> MakeInvertedPendulum(OptionReader& options) {
  MujocoTask task = {.id = "InvertedPendulum-v5",
                     .model = "inverted_pendulum",
                     .frame_skip = 2,
                     .reset_noise_scale = 0.01,
                     .joints = kJoints};
  options.NonNegative("reset_noise_scale", task.reset_noise_scale);
  options.Count("frame_skip", task.frame_skip, 1, 1000);
  return std::make_unique<InvertedPendulum>(std::move(task));
}

}  // namespace duet::envs
