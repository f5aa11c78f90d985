// The learning half of PPO: what becomes of a full rollout.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/adam.h"
#include "agents/host_loops.h"
#include "agents/members.h"
#include "agents/ppo.h"
#include "agents/ppo_objective.h"
#include "agents/ppo_policy.h"
#include "agents/rollout.h"

namespace duet::agents {

// Estimates advantages, goes over a rollout in epochs of shuffled minibatches, steps the policy and
// the critic. A member whose policy has moved too far takes no more steps of the rollout.
class PpoLearner {
 public:
  // Initializes the policy's network and the critic. The policy must outlive the learner.
  PpoLearner(const PpoConfig& config, const AgentSpec& spec, PpoPolicy& policy);

  // One gradient step of every member that goes on, on the next minibatch of a full rollout, with
  // `rate_scale` times the learning rate. Returns whether more is to be learnt from the rollout.
  bool Step(const Rollout& rollout, double rate_scale);
  // One gradient step of every member on given samples: normalised observations [M, B, O], and on
  // the host what belongs to them, [M, B, A + 4] as in PpoSamples.
  void StepOn(const Tensor& observations, const Tensor& samples, double rate_scale);

  // Values of raw observations in units of normalised rewards: [M, B, O] -> [M, B].
  Tensor Values(const Tensor& observations) const;

  Mlp& critic() { return all_.critic; }
  const Mlp& critic() const { return all_.critic; }

  std::vector<std::string> metric_names() const;
  Metrics TakeMetrics();

  // All but the policy and the critic. Loading needs the rollout that is being learnt from.
  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive, const Rollout& rollout);

 private:
  struct Networks {
    Mlp actor, critic;
    Adam actor_optimizer, critic_optimizer;
    Scratch actor_scratch = {}, critic_scratch = {};
  };
  // The actor is the policy's.
  static Networks MakeNetworks(const PpoConfig& config, const AgentSpec& spec, const Mlp& actor);

  // Whether a rollout is being learnt from.
  bool learning() const { return epoch_ > 0 || minibatch_ > 0; }
  bool active(std::int64_t member) const { return active_.const_data_ptr<bool>()[member]; }

  void BeginEpoch(const Rollout& rollout);
  void MakeEstimates(const Rollout& rollout);
  void Estimate(const Rollout& rollout, std::int64_t member);
  void CountExplainedVariance(std::int64_t member);
  void Shuffle(std::int64_t member);
  void Gather(const Rollout& rollout);

  // `observations` and `samples` are those of all members.
  void UpdateMembers(const Shard& shard, const Tensor& observations, const Tensor& samples,
                     double rate_scale);
  // Write the gradients and the losses of the members that go on.
  void DifferentiateActor(const Shard& shard, const Tensor& observations, const Tensor& samples);
  void DifferentiateCritic(const Shard& shard, const Tensor& observations, const Tensor& samples);
  // Steps against them, unless a member has moved too far.
  void TakeStep(const Shard& shard, double rate_scale);
  void ClipAndCheck(const Shard& shard);
  PpoSamples SamplesOf(const Tensor& samples, std::int64_t member) const;
  bool GoesOn(const Shard& shard) const;

  void CountLosses(std::int64_t member, double rate_scale);
  void AddMetric(std::size_t index, std::int64_t member, double value);
  void ClearMetrics();

  const PpoConfig config_;
  const AgentSpec spec_;
  const PpoObjectiveConfig objective_;
  const std::vector<Shard> shards_;
  PpoPolicy& policy_;
  Networks all_;
  std::vector<Networks> by_shard_;       // views of all_
  const bool splits_networks_;           // a thread for the actor and one for the critic
  std::vector<PpoLosses> losses_;        // [M] of the latest minibatch
  std::vector<core::Rng> shuffle_rngs_;  // [M]

  // Of the rollout that is being learnt from.
  std::int64_t epoch_ = 0;
  std::int64_t minibatch_ = 0;  // of the epoch; 0: the epoch has not begun
  Tensor active_;               // [M] bool, on the host: who still takes steps
  Tensor values_, advantages_;  // [M, N] on the host
  Tensor order_;                // [M, N] int64: the epoch's shuffled rows
  Tensor observations_;         // [M, N, O] normalised, in that order
  Tensor samples_;              // [M, N, A + 4] in that order, on the host

  Tensor metric_sums_, metric_counts_;  // [metrics, M] float64
};

}  // namespace duet::agents
