// The humanoid that can walk or stand up: its observation and the costs that the tasks share.
#pragma once

#include <span>
#include <vector>

#include "envs/env.h"
#include "envs/env_options.h"
#include "envs/mujoco/mujoco_env.h"

namespace duet::envs {

// What is observed, with Gymnasium's names.
struct HumanoidLayout {
  bool exclude_current_positions_from_observation = true;
  bool include_cinert_in_observation = true;
  bool include_cvel_in_observation = true;
  bool include_qfrc_actuator_in_observation = true;
  bool include_cfrc_ext_in_observation = true;
};

// Reads the four that include something.
void ReadOptions(OptionReader& reader, HumanoidLayout& layout);

class HumanoidBody : public MujocoEnv {
 protected:
  // Joints of `task` are named here.
  HumanoidBody(MujocoTask task, const HumanoidLayout& layout);

  // weight * sum of squared external forces and torques on all bodies, clipped to `range`.
  double ForceCost(double weight, const Interval& range) const;

 private:
  void WriteObservation(std::span<double> observation) const final;
  void DescribeObservation(std::vector<Quantity>& quantities) const final;

  HumanoidLayout layout_;
  int num_skipped_;
};

}  // namespace duet::envs
