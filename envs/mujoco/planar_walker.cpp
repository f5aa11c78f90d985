#include "envs/mujoco/planar_walker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "envs/mujoco/quantities.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr double kVelocityLimit = 10.0;  // of observed velocities

class PlanarWalker : public MujocoEnv {
 public:
  PlanarWalker(MujocoTask task, const PlanarWalkerOptions& options)
      : MujocoEnv(std::move(task)),
        options_(options),
        num_skipped_(options.body.exclude_current_positions_from_observation ? 1 : 0) {
    SetObservationSize(model().nq + model().nv - num_skipped_);
  }

 private:
  void WriteObservation(std::span<double> observation) const override {
    WritePositionsAndVelocities(model(), data(), num_skipped_, observation, kVelocityLimit);
  }

  void DescribeObservation(std::vector<Quantity>& quantities) const override {
    DescribePositions({model(), task().joints}, num_skipped_, quantities);
    DescribeVelocities({model(), task().joints}, ", clipped to +-10", quantities);
  }

  StepResult Judge(std::span<const float> action, double forward_velocity) const override {
    const bool healthy = Healthy();
    const double forward_reward = options_.body.forward_reward_weight * forward_velocity;
    const double healthy_reward = healthy ? options_.health.healthy_reward : 0.0;
    return {.reward = (forward_reward + healthy_reward) -
                      ControlCost(options_.body.ctrl_cost_weight, action),
            .terminated = !healthy && options_.health.terminate_when_unhealthy};
  }

  bool Healthy() const {
    const auto in_state_range = [&](double value) {
      return Inside(options_.healthy_state_range, value);
    };
    return Inside(options_.health.healthy_z_range, data().qpos[1]) &&
           Inside(options_.healthy_angle_range, data().qpos[2]) &&
           std::all_of(data().qpos + 2, data().qpos + model().nq, in_state_range) &&
           std::all_of(data().qvel, data().qvel + model().nv, in_state_range);
  }

  PlanarWalkerOptions options_;
  int num_skipped_;
};

}  // namespace

void ReadOptions(OptionReader& reader, PlanarWalkerOptions& options) {
  ReadOptions(reader, options.body);
  ReadOptions(reader, options.health);
  reader.Range("healthy_angle_range", options.healthy_angle_range);
}

std::unique_ptr<Env> MakePlanarWalker(MujocoTask task, const PlanarWalkerOptions& options) {
  task.frame_skip = options.body.frame_skip;
  task.reset_noise_scale = options.body.reset_noise_scale;
  return std::make_unique<PlanarWalker>(std::move(task), options);
}

}  // namespace duet::envs
