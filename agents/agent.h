// What every agent can do.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "agents/policy.h"
#include "agents/product.h"
#include "agents/replay_buffer.h"
#include "agents/tensor.h"
#include "agents/update_graph.h"

namespace duet::agents {

// What an agent must know of its task and its population.
struct AgentSpec {
  std::int64_t envs = 1;  // E, environments per member
  std::int64_t observation_size = 1;
  std::int64_t action_size = 1;  // A, numbers of an action; 1 where it is an index
  std::int64_t num_actions = 0;  // C, discrete actions 0 … C - 1; 0: numbers in [-1, 1]
  std::vector<std::uint64_t> member_seeds;  // [M] one independent random stream each
  std::int64_t replay_capacity = 1;         // transitions per member
  at::Device device = at::kCPU;
  std::int64_t threads = 1;                   // that updates may take; numbers do not depend on it
  Precision precision = Precision::kFloat32;  // of products
  MakeRecorder make_recorder = {};            // of updates; empty: the device's own

  bool discrete() const { return num_actions > 0; }

  std::int64_t members() const { return static_cast<std::int64_t>(member_seeds.size()); }
};

// Averages per member since the last call that took them, name -> [M].
using Metrics = std::map<std::string, std::vector<double>>;

enum class ActMode {
  kExplore,  // as in training, with the agent's exploration
  kRandom,   // uniform in [-1, 1], while experience is collected before learning
  kGreedy,   // without exploration; moves no random stream
};

// A population of M learners of one kind with their replay. Members never mix: what a member does
// and becomes is the same whichever members run beside it.
class Agent {
 public:
  virtual ~Agent() = default;

  virtual const AgentSpec& spec() const = 0;

  // Where training is, as a share of it in [0, 1], for schedules; called before Act and Update.
  virtual void SetProgress(double /*progress*/) {}

  // Actions [M, E, A] for raw observations [M, E, O]: numbers in [-1, 1], or the index of a
  // discrete action as one number. E may differ from the spec's where the mode is kGreedy.
  virtual void Act(std::span<const float> observations, ActMode mode, std::span<float> actions) = 0;
  // Of agents that learn from replay: from now on exploring actions are by the networks as they are
  // at this moment, until the next call, so that Act may run on a thread of its own beside Update.
  virtual void HoldPolicy() {}
  // Takes one step of every environment into the replay and the observation statistics.
  virtual void Observe(const Transitions& transitions) = 0;
  // Whether the agent itself says when it learns, from what it just did: an on-policy agent takes
  // gradient steps as long as UpdateDue. Others learn from replay whenever they are told to.
  virtual bool on_policy() const { return false; }
  virtual bool UpdateDue() const { return replay().size() > 0; }
  // One reinforcement gradient step of every member on a batch of its experience. Throws
  // NonFiniteError naming the quantity; the parameters that it would have spoilt are as before.
  virtual void Update() = 0;
  // The same on a given batch.
  virtual void UpdateOn(const Batch& batch) = 0;
  // What TakeMetrics may hold: "critic_loss", …
  virtual std::vector<std::string> metric_names() const = 0;
  // Averages over the updates since the last call; those that nothing was counted for are left out.
  virtual Metrics TakeMetrics() = 0;

  virtual Policy& policy() = 0;
  virtual const Policy& policy() const = 0;
  virtual ReplayBuffer& replay() = 0;
  virtual const ReplayBuffer& replay() const = 0;
  // Value of each member's own policy by its own estimate at raw observations: [M, B, O] -> [M, B].
  virtual Tensor Value(const Tensor& observations) const = 0;
  // Its estimate of the value of `actions`, [M, B, A] as from Act: [M, B]. Throws ConfigError where
  // the agent learns no such values.
  virtual Tensor ActionValue(const Tensor& observations, const Tensor& actions) const = 0;

  // What is needed to act and to be a teacher: networks and observation statistics.
  virtual void SavePolicy(core::ArchiveWriter& archive) const = 0;
  // Member m gets the saved member members[m]. Throws IoError where sizes differ.
  virtual void LoadPolicy(const core::ArchiveReader& archive,
                          std::span<const std::int64_t> members) = 0;
  // Everything, so that training goes on bit for bit.
  virtual void Save(core::ArchiveWriter& archive) const = 0;
  virtual void Load(const core::ArchiveReader& archive) = 0;
};

}  // namespace duet::agents
