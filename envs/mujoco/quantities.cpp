#include "envs/mujoco/quantities.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace duet::envs {
namespace {

constexpr std::array<std::string_view, 3> kAxes = {"x", "y", "z"};

std::string Spaced(const char* name) {
  std::string words = name == nullptr ? "" : name;
  std::ranges::replace(words, '_', ' ');
  return words;
}

void DescribePosition(int type, const std::string& joint, std::vector<Quantity>& quantities) {
  switch (type) {
    case mjJNT_FREE:
      for (const std::string_view axis : kAxes) {
        quantities.push_back({fmt::format("position of the {} along {}", joint, axis), "m"});
      }
      [[fallthrough]];
    case mjJNT_BALL:
      for (const char* part : {"w", "x", "y", "z"}) {
        quantities.push_back(
            {fmt::format("orientation of the {}: {} of the quaternion", joint, part), ""});
      }
      break;
    case mjJNT_SLIDE:
      quantities.push_back({fmt::format("position of the {}", joint), "m"});
      break;
    default:
      quantities.push_back({fmt::format("angle of the {}", joint), "rad"});
  }
}

void DescribeVelocity(int type, const std::string& joint, std::string_view note,
                      std::vector<Quantity>& quantities) {
  switch (type) {
    case mjJNT_FREE:
      for (const std::string_view axis : kAxes) {
        quantities.push_back(
            {fmt::format("velocity of the {} along {}{}", joint, axis, note), "m/s"});
      }
      [[fallthrough]];
    case mjJNT_BALL:
      for (const std::string_view axis : kAxes) {
        quantities.push_back(
            {fmt::format("angular velocity of the {} about its own {} axis{}", joint, axis, note),
             "rad/s"});
      }
      break;
    case mjJNT_SLIDE:
      quantities.push_back({fmt::format("velocity of the {}{}", joint, note), "m/s"});
      break;
    default:
      quantities.push_back({fmt::format("angular velocity of the {}{}", joint, note), "rad/s"});
  }
}

// What drives a joint, in units of `gear`.
Quantity Drive(int type, const std::string& joint, double gear) {
  const bool slides = type == mjJNT_SLIDE;
  const char* unit = slides ? "N" : "N m";
  return {fmt::format("{} the {}", slides ? "force on" : "torque at", joint),
          gear == 1.0 ? unit : fmt::format("{:g} {}", gear, unit)};
}

// Whether the actuator's force is a constant times its control, on one degree of freedom.
bool IsMotorOfJoint(const mjModel& model, int actuator) {
  if (model.actuator_trntype[actuator] != mjTRN_JOINT) return false;
  const int type = model.jnt_type[model.actuator_trnid[2 * actuator]];
  return (type == mjJNT_SLIDE || type == mjJNT_HINGE) &&
         model.actuator_dyntype[actuator] == mjDYN_NONE &&
         model.actuator_gaintype[actuator] == mjGAIN_FIXED &&
         model.actuator_biastype[actuator] == mjBIAS_NONE;
}

}  // namespace

std::string JointWords::operator[](int joint) const {
  if (!words.empty()) return std::string(words[static_cast<std::size_t>(joint)]);
  const std::string name = Spaced(mj_id2name(&model, mjOBJ_JOINT, joint));
  return name.empty() ? fmt::format("joint {}", joint) : name;
}

void DescribePositions(const JointWords& joints, int num_skipped,
                       std::vector<Quantity>& quantities) {
  std::vector<Quantity> all;
  for (int i = 0; i < joints.model.njnt; ++i) {
    DescribePosition(joints.model.jnt_type[i], joints[i], all);
  }
  quantities.insert(quantities.end(), all.begin() + num_skipped, all.end());
}

void DescribeVelocities(const JointWords& joints, std::string_view note,
                        std::vector<Quantity>& quantities) {
  for (int i = 0; i < joints.model.njnt; ++i) {
    DescribeVelocity(joints.model.jnt_type[i], joints[i], note, quantities);
  }
}

void DescribeActions(const JointWords& joints, std::vector<Quantity>& quantities) {
  const mjModel& model = joints.model;
  for (int i = 0; i < model.nu; ++i) {
    if (!IsMotorOfJoint(model, i)) {
      const std::string name = Spaced(mj_id2name(&model, mjOBJ_ACTUATOR, i));
      quantities.push_back(
          {fmt::format("control of actuator {}", name.empty() ? std::to_string(i) : name), ""});
      continue;
    }
    const int joint = model.actuator_trnid[2 * i];
    quantities.push_back(Drive(model.jnt_type[joint], joints[joint],
                               model.actuator_gear[6 * i] * model.actuator_gainprm[mjNGAIN * i]));
  }
}

void DescribeJointTorques(const JointWords& joints, int first_dof,
                          std::vector<Quantity>& quantities) {
  for (int i = first_dof; i < joints.model.nv; ++i) {
    const int joint = joints.model.dof_jntid[i];
    Quantity quantity = Drive(joints.model.jnt_type[joint], joints[joint], 1.0);
    quantity.meaning += " from its motor";
    quantities.push_back(std::move(quantity));
  }
}

std::vector<std::string> BodyWords(const mjModel& model) {
  std::vector<std::string> words;
  for (int i = 1; i < model.nbody; ++i) words.push_back(Spaced(mj_id2name(&model, mjOBJ_BODY, i)));
  return words;
}

void DescribeInertias(std::span<const std::string> bodies, std::vector<Quantity>& quantities) {
  for (const std::string& body : bodies) {
    for (const char* axes : {"xx", "yy", "zz", "xy", "xz", "yz"}) {
      quantities.push_back(
          {fmt::format("moment of inertia {} of the {} about the whole's centre of mass", axes,
                       body),
           "kg m^2"});
    }
    for (const std::string_view axis : kAxes) {
      quantities.push_back(
          {fmt::format("mass of the {} times its distance from the whole's centre of mass along {}",
                       body, axis),
           "kg m"});
    }
    quantities.push_back({fmt::format("mass of the {}", body), "kg"});
  }
}

void DescribeBodyVelocities(std::span<const std::string> bodies,
                            std::vector<Quantity>& quantities) {
  for (const std::string& body : bodies) {
    for (const std::string_view axis : kAxes) {
      quantities.push_back(
          {fmt::format("angular velocity of the {} about {}", body, axis), "rad/s"});
    }
    for (const std::string_view axis : kAxes) {
      quantities.push_back(
          {fmt::format(
               "velocity along {} of the {}, as if it reached to the whole's centre of mass", axis,
               body),
           "m/s"});
    }
  }
}

void DescribeExternalForces(std::span<const std::string> bodies, std::string_view note,
                            std::vector<Quantity>& quantities) {
  for (const std::string& body : bodies) {
    for (const std::string_view axis : kAxes) {
      quantities.push_back(
          {fmt::format("torque of contacts on the {} about {}{}", body, axis, note), "N m"});
    }
    for (const std::string_view axis : kAxes) {
      quantities.push_back(
          {fmt::format("force of contacts on the {} along {}{}", body, axis, note), "N"});
    }
  }
}

}  // namespace duet::envs
