// The training of one population.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "agents/agent.h"
#include "distill/source.h"
#include "runners/config.h"
#include "runners/experiment.h"
#include "runners/results.h"

namespace duet::runners {

// What one population has to do: the budget of a method, cut up.
struct Plan {
  std::int64_t learners = 1;        // of each seed, trained side by side
  std::int64_t first_learner = 0;   // number of the first; learners of one number start alike
  std::int64_t env_steps = 0;       // per learner
  std::int64_t evaluate_every = 1;  // per learner
  // Spent before this population starts: a teacher's training and its rollouts.
  std::int64_t env_steps_before = 0;
  std::int64_t gradient_steps_before = 0;
};

// A population of one method from its first step to its last: collects, learns, evaluates, saves
// checkpoints. The configurations, the method and the provenance must outlive it.
class Training {
 public:
  // Writes into `folder`, which must exist.
  Training(const RunConfig& config, const MethodConfig& method, const Plan& plan,
           const std::filesystem::path& folder, const Provenance& provenance);
  ~Training();
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  const agents::Agent& agent() const;

  // From now on a distillation step on lessons of `source` follows the reinforcement steps.
  void SetDistiller(std::unique_ptr<distill::LessonSource> source);
  // Continues from the latest checkpoint where there is one. Throws IoError on one that is damaged.
  void Resume();
  // Trains to the end, then saves the policies. Throws Interrupted after a checkpoint where a stop
  // was asked for.
  MethodResult Run(const ProgressCallback& on_progress);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace duet::runners
