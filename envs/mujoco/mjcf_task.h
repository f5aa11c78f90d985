// The settings of a task of somebody's own on a MuJoCo model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/fields.h"

namespace duet::envs {

// How a signal becomes reward.
enum class RewardKind {
  kLinear,    // sum of (x - target)
  kSquared,   // sum of (x - target)^2
  kAbsolute,  // sum of |x - target|
  kNorm,      // square root of `squared`
  kInside,    // 1 where every x is in `range`, else 0
  kConstant,  // 1
  kAlive,     // 1 in a step that does not end the episode, else 0
};

// One term of the reward of a step: weight times the above, over all numbers x of the signal.
// `squared` of the whole ctrl without a target is formed in 32-bit numbers, as Gymnasium's control
// costs are.
struct RewardTerm {
  std::string signal = {};  // see Signal; none for constant and alive
  double weight = 1.0;
  RewardKind how = RewardKind::kLinear;
  double target = 0.0;
  core::Interval range = {};
};

// Ends the episode after a step in which a number of the signal is outside `range` or not finite.
struct TerminationTerm {
  std::string signal = {};  // see Signal
  core::Interval range = {};
};

enum class NoiseKind { kUniform, kNormal };

struct MjcfTask {
  std::int64_t frame_skip = 1;      // physics steps per environment step, during which ctrl is held
  double total_mass = 0.0;          // kg, to which the model is scaled; 0: as the file says
  double reset_noise_scale = 0.01;  // s: initial qpos = qpos0 + U(-s, s), qvel = noise
  NoiseKind reset_velocity_noise = NoiseKind::kUniform;  // U(-s, s), or s N(0, 1)
  // Of actuators without a ctrlrange; infinite: such an actuator is an error.
  core::Interval action_range = {};
  std::vector<std::string> observation = {"qpos", "qvel"};  // see Signal
  std::vector<RewardTerm> reward = {};
  std::vector<TerminationTerm> termination = {};
};
void VisitFields(core::FieldVisitor& v, MjcfTask& task);

// A setting of a task does not fit its model. `key` is the setting below the task's section:
// "reward.1.signal"; empty where the model itself is at fault.
class MjcfTaskError : public ConfigError {
 public:
  MjcfTaskError(std::string key, const std::string& message)
      : ConfigError(message), key_(std::move(key)) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

}  // namespace duet::envs
