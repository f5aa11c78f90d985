// Proximal policy optimisation with a member axis.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agents/agent.h"
#include "agents/mlp.h"
#include "core/fields.h"

namespace duet::agents {

// Over which samples advantages are brought to mean 0 and standard deviation 1.
enum class AdvantageNormalization { kMinibatch, kRollout, kNone };

// Defaults are those of arXiv:1707.06347 (Table 3) and, where it is silent, of Stable-Baselines3,
// with the normalisations that its tuned settings for MuJoCo turn on.
struct PpoConfig {
  double gamma = 0.99;                // discount per step
  double gae_lambda = 0.95;           // arXiv:1506.02438
  std::int64_t rollout_steps = 2048;  // of each environment, between updates
  std::int64_t batch_size = 64;       // transitions of a minibatch, at least
  std::int64_t epochs = 10;           // passes over a rollout
  double learning_rate = 3e-4;
  bool anneal_learning_rate = false;  // linearly to 0 at the end of training
  double adam_epsilon = 1e-5;         // arXiv:2005.12729
  double clip_range = 0.2;
  double value_clip_range = 0.0;  // 0: not clipped; in units of normalised rewards
  double value_coef = 0.5;
  double entropy_coef = 0.0;
  double max_gradient_norm = 0.5;  // of actor and critic together, per member; 0: no clipping
  double target_kl = 0.0;          // 0: all epochs are taken
  AdvantageNormalization advantage_normalization = AdvantageNormalization::kMinibatch;
  bool recompute_advantages = false;  // before every epoch (arXiv:2006.05990, section 3.5)
  std::vector<std::int64_t> hidden = {64, 64};
  Activation activation = Activation::kTanh;
  double policy_output_gain = 0.01;  // of the orthogonal last layer (arXiv:2006.05990, section 3.2)
  double initial_log_std = 0.0;      // of a Gaussian; one number per action entry is learnt
  bool normalize_observations = true;
  double observation_clip = 10.0;
  bool normalize_rewards = true;
  double reward_clip = 10.0;
  std::int64_t replay_capacity = 10'000;  // transitions kept for lessons
};
void VisitFields(core::FieldVisitor& v, PpoConfig& c);

// PPO with a clipped surrogate (arXiv:1707.06347) for continuous actions, a diagonal Gaussian whose
// standard deviations do not depend on the observation, and for discrete ones. Actor and critic are
// separate networks. Value answers in units of the task's own rewards, so that members, who scale
// rewards each by statistics of its own, can be compared; ActionValue throws ConfigError.
std::unique_ptr<Agent> MakePpo(const PpoConfig& config, const AgentSpec& spec);

}  // namespace duet::agents
