// Plain words for the numbers of a MuJoCo task.
#pragma once

#include <mujoco/mujoco.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace duet::envs {

// A model with what people call its joints, in the model's order and without an article: "right
// knee" for a hinge, "cart along x" for a slide, the body for a free joint. Without words the names
// in the model are taken, "joint 2" where it has none.
struct JointWords {
  const mjModel& model;
  std::span<const std::string_view> words;

  std::string operator[](int joint) const;
};

// All of these append to `quantities`.

// qpos without its first `num_skipped` numbers.
void DescribePositions(const JointWords& joints, int num_skipped,
                       std::vector<Quantity>& quantities);
// qvel; `note` follows each meaning.
void DescribeVelocities(const JointWords& joints, std::string_view note,
                        std::vector<Quantity>& quantities);
// One for each actuator; the unit contains the gear.
void DescribeActions(const JointWords& joints, std::vector<Quantity>& quantities);
// The torques of the actuators at all degrees of freedom from `first_dof` on.
void DescribeJointTorques(const JointWords& joints, int first_dof,
                          std::vector<Quantity>& quantities);

// Body names in the model's order without the world; "_" becomes a space.
std::vector<std::string> BodyWords(const mjModel& model);
// cinert, cvel and cfrc_ext of each body.
void DescribeInertias(std::span<const std::string> bodies, std::vector<Quantity>& quantities);
void DescribeBodyVelocities(std::span<const std::string> bodies, std::vector<Quantity>& quantities);
void DescribeExternalForces(std::span<const std::string> bodies, std::string_view note,
                            std::vector<Quantity>& quantities);

}  // namespace duet::envs
