#include "envs/mujoco/ant.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/quantities.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr char kModel[] = "ant";
constexpr std::array<std::string_view, 9> kJoints = {
    "torso",         "front left hip",  "front left ankle", "front right hip", "front right ankle",
    "back left hip", "back left ankle", "back right hip",   "back right ankle"};

struct AntOptions {
  LocomotionOptions body = {.ctrl_cost_weight = 0.5, .reset_noise_scale = 0.1, .frame_skip = 5};
  HealthOptions health = {.healthy_reward = 1.0, .healthy_z_range = {0.2, 1.0}};  // inclusive
  double contact_cost_weight = 5e-4;           // cost per squared contact force
  Interval contact_force_range = {-1.0, 1.0};  // to which contact torques and forces are clipped
  int main_body = 1;                           // whose velocity counts
  bool include_cfrc_ext_in_observation = true;
};

class Ant : public MujocoEnv {
 public:
  Ant(MujocoTask task, const AntOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        num_skipped_(options.body.exclude_current_positions_from_observation ? 2 : 0) {
    int size = model().nq - num_skipped_ + model().nv;
    if (options_.include_cfrc_ext_in_observation) size += 6 * (model().nbody - 1);
    SetObservationSize(size);
  }

 private:
  double ClippedForce(double force) const {
    return std::clamp(force, options_.contact_force_range.low, options_.contact_force_range.high);
  }

  void WriteObservation(std::span<double> observation) const override {
    const std::size_t size =
        WritePositionsAndVelocities(model(), data(), num_skipped_, observation);
    if (!options_.include_cfrc_ext_in_observation) return;
    // The first row is the world's.
    std::transform(data().cfrc_ext + 6, data().cfrc_ext + 6 * model().nbody,
                   observation.begin() + static_cast<std::ptrdiff_t>(size),
                   [&](double force) { return ClippedForce(force); });
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    DescribePositions({model(), task().joints}, num_skipped_, quantities);
    DescribeVelocities({model(), task().joints}, "", quantities);
    if (!options_.include_cfrc_ext_in_observation) return;
    const std::string note =
        fmt::format(", clipped to [{:g}, {:g}]", options_.contact_force_range.low,
                    options_.contact_force_range.high);
    DescribeExternalForces(AntBodies(), note, quantities);
  }

  static std::vector<std::string> AntBodies() {
    std::vector<std::string> bodies = {"torso"};
    for (const char* leg : {"front left", "front right", "back left", "back right"}) {
      for (const char* part : {"stub", "upper leg", "lower leg"}) {
        bodies.push_back(fmt::format("{} {}", leg, part));
      }
    }
    return bodies;
  }

  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const Interval& heights = options_.health.healthy_z_range;
    const double height = data().qpos[2];
    const bool healthy = heights.low <= height && height <= heights.high;
    const double forward_reward = options_.body.forward_reward_weight * forward_velocity;
    const double healthy_reward = healthy ? options_.health.healthy_reward : 0.0;
    const std::span<const double> forces(data().cfrc_ext,
                                         6 * static_cast<std::size_t>(model().nbody));
    const double contact_cost =
        options_.contact_cost_weight * Sum<double>(forces, [&](double force) {
          const double clipped = ClippedForce(force);
          return clipped * clipped;
        });
    const double costs = ControlCost(options_.body.ctrl_cost_weight, action) + contact_cost;
    return {.reward = (forward_reward + healthy_reward) - costs,
            .terminated = !healthy && options_.health.terminate_when_unhealthy};
  }

  double Position() const override { return data().xpos[3 * options_.main_body]; }

  AntOptions options_;
  int num_skipped_;
};

// A body by its index or its name.
void ReadMainBody(OptionReader& reader, int& main_body) {
  const mjModel& model = *SharedModel(kModel);
  const std::string allowed =
      fmt::format("the name of a body (\"torso\") or a whole number in [0, {}]", model.nbody - 1);
  const OptionValue* value = reader.Find("main_body", static_cast<double>(main_body), allowed);
  if (value == nullptr) return;
  int body = -1;
  if (const auto* name = std::get_if<std::string>(value)) {
    body = mj_name2id(&model, mjOBJ_BODY, name->c_str());
  } else if (const auto* index = std::get_if<double>(value)) {
    const bool is_body = *index >= 0.0 && *index < model.nbody && std::trunc(*index) == *index;
    if (is_body) body = static_cast<int>(*index);
  }
  if (body < 0) reader.Refuse("main_body", *value, allowed);
  main_body = body;
}

}  // namespace

std::unique_ptr<Env> MakeAnt(OptionReader& options) {
  AntOptions settings;
  ReadOptions(options, settings.body);
  ReadOptions(options, settings.health);
  options.Number("contact_cost_weight", settings.contact_cost_weight);
  options.Range("contact_force_range", settings.contact_force_range);
  ReadMainBody(options, settings.main_body);
  options.Flag("include_cfrc_ext_in_observation", settings.include_cfrc_ext_in_observation);
  MujocoTask task = {.id = "Ant-v5",
                     .model = kModel,
                     .frame_skip = settings.body.frame_skip,
                     .reset_noise_scale = settings.body.reset_noise_scale,
                     .draw = &DrawNormalVelocities,
                     .contact_forces = settings.include_cfrc_ext_in_observation ||
                                       settings.contact_cost_weight != 0.0,
                     .joints = kJoints};
  return std::make_unique<Ant>(std::move(task), settings);
}

}  // namespace duet::envs
