#include "envs/mujoco/reacher.h"

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/quantities.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 4> kJoints = {"shoulder", "elbow", "target along x",
                                                     "target along y"};
constexpr double kTargetRadius = 0.2;  // m

struct ReacherOptions {
  double reward_dist_weight = 1.0;     // per m
  double reward_control_weight = 1.0;  // per squared action
};

// The first target is drawn in the square around the disc, and again until it lies in the disc.
void DrawArmAndTarget(const mjModel& model, double, core::NumpyRng& rng, mjData& data) {
  for (int i = 0; i < model.nq; ++i) data.qpos[i] += rng.Uniform(-0.1, 0.1);
  double x = 0.0, y = 0.0;
  do {
    x = rng.Uniform(-kTargetRadius, kTargetRadius);
    y = rng.Uniform(-kTargetRadius, kTargetRadius);
  } while (std::sqrt(x * x + y * y) >= kTargetRadius);
  data.qpos[2] = x;
  data.qpos[3] = y;
  for (int i = 0; i < model.nv; ++i) data.qvel[i] += rng.Uniform(-0.005, 0.005);
  data.qvel[2] = data.qvel[3] = 0.0;
}

class Reacher : public MujocoEnv {
 public:
  Reacher(MujocoTask task, const ReacherOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        fingertip_(mj_name2id(&model(), mjOBJ_BODY, "fingertip")),
        target_(mj_name2id(&model(), mjOBJ_BODY, "target")) {
    SetObservationSize(10);
  }

 private:
  const double* Fingertip() const { return data().xpos + 3 * fingertip_; }
  const double* Target() const { return data().xpos + 3 * target_; }

  void WriteObservation(std::span<double> observation) const override {
    for (std::size_t i = 0; i < 2; ++i) {
      observation[i] = std::cos(data().qpos[i]);
      observation[2 + i] = std::sin(data().qpos[i]);
      observation[4 + i] = data().qpos[2 + i];
      observation[6 + i] = data().qvel[i];
      observation[8 + i] = Fingertip()[i] - Target()[i];
    }
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    for (const char* function : {"cosine", "sine"}) {
      for (const char* joint : {"shoulder", "elbow"}) {
        quantities.push_back({std::string(function) + " of the angle of the " + joint, ""});
      }
    }
    DescribePositions({model(), task().joints}, 2, quantities);
    std::vector<Quantity> velocities;
    DescribeVelocities({model(), task().joints}, "", velocities);
    quantities.insert(quantities.end(), velocities.begin(), velocities.begin() + 2);
    quantities.push_back({"fingertip less target along x", "m"});
    quantities.push_back({"fingertip less target along y", "m"});
  }

  StepResult Judge(std::span<const float> action, double) const override {
    const double distance_reward = -Distance(Fingertip(), Target()) * options_.reward_dist_weight;
    return {.reward = distance_reward - ControlCost(options_.reward_control_weight, action)};
  }

  ReacherOptions options_;
  int fingertip_, target_;  // bodies
};

}  // namespace

std::unique_ptr<Env> MakeReacher(OptionReader& options) {
  ReacherOptions settings;
  MujocoTask task = {.id = "Reacher-v5",
                     .model = "reacher",
                     .frame_skip = 2,
                     .draw = &DrawArmAndTarget,
                     .joints = kJoints};
  options.Number("reward_dist_weight", settings.reward_dist_weight);
  options.Number("reward_control_weight", settings.reward_control_weight);
  options.Count("frame_skip", task.frame_skip, 1, 1000);
  return std::make_unique<Reacher>(std::move(task), settings);
}

}  // namespace duet::envs
