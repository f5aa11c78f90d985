#include "runners/learner_envs.h"

#include <algorithm>
#include <variant>

#include "runners/run_env.h"

namespace duet::runners {

LearnerEnvs::LearnerEnvs(const std::function<std::unique_ptr<envs::Env>()>& make,
                         std::int64_t count, std::int64_t num_threads)
    : envs_(make, count, num_threads), indices_(static_cast<std::size_t>(envs_.size())) {}

std::int64_t LearnerEnvs::action_size() const { return AgentActionSize(spec()); }

void LearnerEnvs::Step(std::span<const float> actions) {
  if (!spec().discrete()) return envs_.Step(actions);
  for (std::size_t i = 0; i < indices_.size(); ++i) {
    indices_[i] = std::get<std::int64_t>(ToActionView(spec(), actions.subspan(i, 1)));
  }
  envs_.Step(indices_);
}

}  // namespace duet::runners
