#include "envs/mujoco/mjcf_task.h"

namespace duet::envs {
namespace {

constexpr core::Option<RewardKind> kRewardKinds[] = {
    {"linear", RewardKind::kLinear},     {"squared", RewardKind::kSquared},
    {"absolute", RewardKind::kAbsolute}, {"norm", RewardKind::kNorm},
    {"inside", RewardKind::kInside},     {"constant", RewardKind::kConstant},
    {"alive", RewardKind::kAlive}};
constexpr core::Option<NoiseKind> kNoiseKinds[] = {{"uniform", NoiseKind::kUniform},
                                                   {"normal", NoiseKind::kNormal}};

}  // namespace

void VisitFields(core::FieldVisitor& v, RewardTerm& term) {
  v.Field("signal", term.signal, "what is rewarded; none for constant and alive");
  v.Field("weight", term.weight, {}, "reward per unit; negative: a cost");
  v.Choice("how", term.how, kRewardKinds, "what is made of the signal's numbers");
  v.Field("target", term.target, {}, "subtracted from each number first");
  v.Field("range", term.range, "how = inside: where the weight is earned");
}

void VisitFields(core::FieldVisitor& v, TerminationTerm& term) {
  v.Field("signal", term.signal, "what is watched");
  v.Field("range", term.range, "a number outside, or not finite, ends the episode");
}

void VisitFields(core::FieldVisitor& v, MjcfTask& task) {
  v.Field("frame_skip", task.frame_skip, {1, 1000}, "physics steps per step of the task");
  v.Field("total_mass", task.total_mass, {0.0, 1e9},
          "kg, to which all masses are scaled; 0: as the file says");
  v.Field("reset_noise_scale", task.reset_noise_scale, {0.0, 1e9},
          "of the initial positions and velocities");
  v.Choice("reset_velocity_noise", task.reset_velocity_noise, kNoiseKinds,
           "distribution of the initial velocities");
  v.Field("action_range", task.action_range, "of actuators without a ctrlrange of their own");
  v.Field("observation", task.observation, "signals that are observed, in this order");
  v.List("reward", task.reward, "terms of the reward, which are added up");
  v.List("termination", task.termination, "conditions, each of which ends the episode");
}

}  // namespace duet::envs
