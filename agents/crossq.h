// CrossQ: soft actor-critic without target networks, by batch renormalisation, with a member axis.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agents/agent.h"
#include "agents/batch_renorm_mlp.h"
#include "agents/initialization.h"
#include "agents/off_policy.h"
#include "agents/tanh_gaussian.h"
#include "core/fields.h"

namespace duet::agents {

// Defaults are those of the authors' code, github.com/adityab/CrossQ, where not said otherwise, as
// are gamma, batch size and `hidden`, which is the actor's; sb3-contrib has the same where it is
// not named.
struct CrossQConfig : OffPolicyConfig {
  std::vector<std::int64_t> critic_hidden = {2048, 2048};  // sb3-contrib: {1024, 1024}
  double actor_learning_rate = 1e-3;
  double critic_learning_rate = 1e-3;
  double adam_beta1 = 0.5;        // of actor and critics; the temperature's is Adam's usual 0.9
  std::int64_t policy_delay = 3;  // actor and temperature move at every so manyth update
  bool learn_temperature = true;
  double initial_temperature = 1.0;  // alpha, per unit of reward
  double temperature_learning_rate = 1e-3;
  double target_entropy = -1.0;  // per entry of the action, in nats: -dim(A) in all
  LogStdBounds log_std_bounds = LogStdBounds::kClamp;
  InitializationConfig initialization = {};  // sb3-contrib; the authors': normal, biases 0
  BatchRenormConfig batch_renorm = {};       // of actor and critics
};
void VisitFields(core::FieldVisitor& v, CrossQConfig& c);

// CrossQ (arXiv:1902.05605). The critics see (s, a) and (s', a') in one batch, whose mean and
// variance normalise both, so that the values of s' are targets without a target network. Acting,
// values and lessons use the running statistics, which only updates move. Episodes cut by a time
// limit bootstrap through the cut with the final observation.
//
// Value is the soft value, as SAC's (agents/sac.h).
std::unique_ptr<Agent> MakeCrossQ(const CrossQConfig& config, const AgentSpec& spec);

}  // namespace duet::agents
