// An agent that acts in environments and takes what happens into its experience.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "agents/agent.h"
#include "core/archive.h"
#include "runners/learner_envs.h"

namespace duet::runners {

// How acting and stepping go together with updates.
struct CollectorOptions {
  // A step is taken beside the updates that are due after the step before it, by the policy of
  // before these updates, which do not see it yet. Else one thing follows the other.
  bool overlap = false;
  // Where it overlaps: on a thread of its own. The numbers are the same without.
  bool own_thread = false;
};

// Steps M * E environments, row by row [M, E], with the actions of an agent. The agent and the
// environments, which must have been reset, outlive it.
class Collector {
 public:
  // Overlapping is for agents that learn from replay; with others it has no effect.
  Collector(agents::Agent& agent, LearnerEnvs& envs, CollectorOptions options);

  bool overlaps() const { return overlaps_; }

  // Acts in this mode and steps; then the agent observes the step. Requires not overlaps().
  void Collect(agents::ActMode mode);
  // The same beside `learn`. The action after this step is chosen in the same breath, in
  // `next_mode`, which must be the next call's `mode`. The agent observes the step when both are
  // done. Requires overlaps(). What `learn` throws is thrown here; the step is not observed then.
  void CollectBeside(agents::ActMode mode, agents::ActMode next_mode,
                     const std::function<void()>& learn);

  // The states of the environments, and the next actions where it overlaps. Load throws IoError
  // where they are of other environments or of the other way to collect.
  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive);

 private:
  void Act(agents::ActMode mode, std::span<float> actions);
  void Observe();

  agents::Agent& agent_;
  LearnerEnvs& envs_;
  const bool overlaps_;
  std::vector<float> observations_;  // [M, E, O] before the step under way
  std::vector<float> actions_;       // [M, E, A] of the step under way
  std::vector<float> next_actions_;  // [M, E, A] where it overlaps
  bool have_next_actions_ = false;
  std::optional<boost::asio::thread_pool> thread_;
};

}  // namespace duet::runners
