#include "envs/mujoco/humanoid_body.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "envs/mujoco/locomotion.h"
#include "envs/mujoco/quantities.h"
#include "envs/mujoco/reward_terms.h"

namespace duet::envs {
namespace {

constexpr int kRootDofs = 6;  // the free joint, which no motor drives

constexpr std::array<std::string_view, 18> kJoints = {"torso",
                                                      "abdomen about z",
                                                      "abdomen about y",
                                                      "abdomen about x",
                                                      "right hip about x",
                                                      "right hip about z",
                                                      "right hip about y",
                                                      "right knee",
                                                      "left hip about x",
                                                      "left hip about z",
                                                      "left hip about y",
                                                      "left knee",
                                                      "right shoulder, first axis",
                                                      "right shoulder, second axis",
                                                      "right elbow",
                                                      "left shoulder, first axis",
                                                      "left shoulder, second axis",
                                                      "left elbow"};

MujocoTask WithJoints(MujocoTask task) {
  task.joints = kJoints;
  return task;
}

}  // namespace

void ReadOptions(OptionReader& reader, HumanoidLayout& layout) {
  reader.Flag("include_cinert_in_observation", layout.include_cinert_in_observation);
  reader.Flag("include_cvel_in_observation", layout.include_cvel_in_observation);
  reader.Flag("include_qfrc_actuator_in_observation", layout.include_qfrc_actuator_in_observation);
  reader.Flag("include_cfrc_ext_in_observation", layout.include_cfrc_ext_in_observation);
}

HumanoidBody::HumanoidBody(MujocoTask task, const HumanoidLayout& layout)
    : MujocoEnv(WithJoints(std::move(task))),
      layout_(layout),
      num_skipped_(layout.exclude_current_positions_from_observation ? 2 : 0) {
  const int num_bodies = model().nbody - 1;  // without the world
  int size = model().nq - num_skipped_ + model().nv;
  if (layout_.include_cinert_in_observation) size += 10 * num_bodies;
  if (layout_.include_cvel_in_observation) size += 6 * num_bodies;
  if (layout_.include_qfrc_actuator_in_observation) size += model().nv - kRootDofs;
  if (layout_.include_cfrc_ext_in_observation) size += 6 * num_bodies;
  SetObservationSize(size);
}

double HumanoidBody::ForceCost(double weight, const Interval& range) const {
  const std::span<const double> forces(data().cfrc_ext,
                                       6 * static_cast<std::size_t>(model().nbody));
  return std::clamp(weight * SumOfSquares<double>(forces), range.low, range.high);
}

void HumanoidBody::WriteObservation(std::span<double> observation) const {
  auto out = observation.begin() + static_cast<std::ptrdiff_t>(WritePositionsAndVelocities(
                                       model(), data(), num_skipped_, observation));
  // The first row of the arrays over bodies is the world's.
  const auto append = [&](const double* values, int first, int end) {
    out = std::copy(values + first, values + end, out);
  };
  if (layout_.include_cinert_in_observation) append(data().cinert, 10, 10 * model().nbody);
  if (layout_.include_cvel_in_observation) append(data().cvel, 6, 6 * model().nbody);
  if (layout_.include_qfrc_actuator_in_observation) {
    append(data().qfrc_actuator, kRootDofs, model().nv);
  }
  if (layout_.include_cfrc_ext_in_observation) append(data().cfrc_ext, 6, 6 * model().nbody);
}

void HumanoidBody::DescribeObservation(std::vector<Quantity>& quantities) const {
  const JointWords joints{model(), task().joints};
  const std::vector<std::string> bodies = BodyWords(model());
  DescribePositions(joints, num_skipped_, quantities);
  DescribeVelocities(joints, "", quantities);
  if (layout_.include_cinert_in_observation) DescribeInertias(bodies, quantities);
  if (layout_.include_cvel_in_observation) DescribeBodyVelocities(bodies, quantities);
  if (layout_.include_qfrc_actuator_in_observation) {
    DescribeJointTorques(joints, kRootDofs, quantities);
  }
  if (layout_.include_cfrc_ext_in_observation) DescribeExternalForces(bodies, "", quantities);
}

}  // namespace duet::envs
