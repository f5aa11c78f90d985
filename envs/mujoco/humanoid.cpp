#include "envs/mujoco/humanoid.h"

#include <algorithm>

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr char kId[] = "Humanoid-v5";
constexpr int kRootDofs = 6;  // the free joint, which no motor drives

struct HumanoidOptions {
  LocomotionOptions body = {.forward_reward_weight = 1.25,
                            .ctrl_cost_weight = 0.1,
                            .reset_noise_scale = 1e-2,
                            .frame_skip = 5};
  HealthOptions health = {.healthy_reward = 5.0, .healthy_z_range = {1.0, 2.0}};
  double contact_cost_weight = 5e-7;             // cost per squared external force
  Interval contact_cost_range = {.high = 10.0};  // to which that cost is clipped
  bool include_cinert_in_observation = true;
  bool include_cvel_in_observation = true;
  bool include_qfrc_actuator_in_observation = true;
  bool include_cfrc_ext_in_observation = true;
};

class Humanoid : public MujocoEnv {
 public:
  Humanoid(MujocoTask task, const HumanoidOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        num_skipped_(options.body.exclude_current_positions_from_observation ? 2 : 0) {
    const int num_bodies = model().nbody - 1;  // without the world
    int size = model().nq - num_skipped_ + model().nv;
    if (options_.include_cinert_in_observation) size += 10 * num_bodies;
    if (options_.include_cvel_in_observation) size += 6 * num_bodies;
    if (options_.include_qfrc_actuator_in_observation) size += model().nv - kRootDofs;
    if (options_.include_cfrc_ext_in_observation) size += 6 * num_bodies;
    SetObservationSize(size);
    for (int i = 0; i < model().nbody; ++i) total_mass_ += model().body_mass[i];
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    auto out = observation.begin() + static_cast<std::ptrdiff_t>(WritePositionsAndVelocities(
                                         model(), data(), num_skipped_, observation));
    // The first row of the arrays over bodies is the world's.
    const auto append = [&](const double* values, int first, int end) {
      out = std::copy(values + first, values + end, out);
    };
    if (options_.include_cinert_in_observation) append(data().cinert, 10, 10 * model().nbody);
    if (options_.include_cvel_in_observation) append(data().cvel, 6, 6 * model().nbody);
    if (options_.include_qfrc_actuator_in_observation) {
      append(data().qfrc_actuator, kRootDofs, model().nv);
    }
    if (options_.include_cfrc_ext_in_observation) append(data().cfrc_ext, 6, 6 * model().nbody);
  }

  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const bool healthy = Inside(options_.health.healthy_z_range, data().qpos[2]);
    const double forward_reward = options_.body.forward_reward_weight * forward_velocity;
    const double healthy_reward = healthy ? options_.health.healthy_reward : 0.0;
    const double control_cost = options_.body.ctrl_cost_weight * SumOfSquares<double>(action);
    const std::span<const double> forces(data().cfrc_ext,
                                         6 * static_cast<std::size_t>(model().nbody));
    const double contact_cost =
        std::clamp(options_.contact_cost_weight * SumOfSquares<double>(forces),
                   options_.contact_cost_range.low, options_.contact_cost_range.high);
    return {.reward = (forward_reward + healthy_reward) - (control_cost + contact_cost),
            .terminated = !healthy && options_.health.terminate_when_unhealthy};
  }

  // x of the centre of mass.
  double Position() const override {
    double sum = 0.0;
    for (int i = 0; i < model().nbody; ++i) sum += model().body_mass[i] * data().xipos[3 * i];
    return sum / total_mass_;
  }

  HumanoidOptions options_;
  int num_skipped_;
  double total_mass_ = 0.0;  // kg
};

}  // namespace

std::unique_ptr<Env> MakeHumanoid(OptionReader& options) {
  HumanoidOptions settings;
  ReadOptions(options, settings.body);
  ReadOptions(options, settings.health);
  options.Number("contact_cost_weight", settings.contact_cost_weight);
  options.Range("contact_cost_range", settings.contact_cost_range);
  options.Flag("include_cinert_in_observation", settings.include_cinert_in_observation);
  options.Flag("include_cvel_in_observation", settings.include_cvel_in_observation);
  options.Flag("include_qfrc_actuator_in_observation",
               settings.include_qfrc_actuator_in_observation);
  options.Flag("include_cfrc_ext_in_observation", settings.include_cfrc_ext_in_observation);
  MujocoTask task = {.id = kId,
                     .model = "humanoid",
                     .frame_skip = settings.body.frame_skip,
                     .reset_noise_scale = settings.body.reset_noise_scale,
                     .contact_forces = true};
  return std::make_unique<Humanoid>(std::move(task), settings);
}

}  // namespace duet::envs
