// The distillation step: a lesson, a rule, a weight, a schedule.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "agents/adam.h"
#include "agents/agent.h"
#include "core/fields.h"
#include "distill/lesson.h"
#include "distill/rule.h"
#include "distill/source.h"
#include "distill/weight.h"

namespace duet::distill {

struct ScheduleConfig {
  std::int64_t every = 1;          // a distillation step follows every so many gradient steps
  double coefficient = 1.0;        // factor on the step at the start of training …
  double final_coefficient = 1.0;  // … and at its end, linear in between
};

struct DistillConfig {
  RuleConfig rule;
  ValueChoice value = ValueChoice::kOwnAction;
  std::int64_t recent = 1000;      // "most recent 1000 transitions", arXiv:2006.04061, section 4.1
  std::int64_t batch_size = 64;    // the same, off-policy
  double learning_rate = 1e-4;     // the same, off-policy
  double max_gradient_norm = 0.0;  // per member; 0: no clipping
  WeightConfig weight;
  ScheduleConfig schedule;
};
void VisitFields(core::FieldVisitor& v, DistillConfig& c);

// Throws ConfigError where `student` cannot learn from `source` in this way: the rule does not fit
// their answers, or one of them has no such values. Both have the same members.
void CheckFit(const DistillConfig& config, const agents::Agent& source,
              const agents::Agent& student);

// Draws lessons and takes the students' steps on them. One round of a population is
//
//   lesson = distiller.Prepare(progress);  // the sources as they are at the start of the round
//   agent.Update();                        // the reinforcement step of every member
//   if (lesson) distiller.Step(*lesson);   // the distillation step of every member
//
// so that all members read the others as they were at the start of the round: no order among peers.
class Distiller {
 public:
  // `students` must outlive the distiller.
  Distiller(const DistillConfig& config, std::unique_ptr<LessonSource> source,
            agents::Agent& students);

  // Counts a round and draws its lesson, if one is due and the source is ready. `progress` in [0,
  // 1] is the share of training done.
  std::optional<Lesson> Prepare(double progress);
  // Throws NonFiniteError, before any parameter changes.
  void Step(const Lesson& lesson);

  std::int64_t num_steps() const { return num_steps_; }
  // Averages per student since the last call: distill_loss, weight_mean, weight_std,
  // weight_zero_share, disadvantage_mean, disadvantage_std, action_distance.
  agents::Metrics TakeMetrics();

  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive);

 private:
  Tensor Disadvantage(const Lesson& lesson) const;  // [M, B]
  void AddMetrics(const Tensor& losses, const Tensor& weights, const Tensor& disadvantage,
                  const Tensor& distances);

  const DistillConfig config_;
  std::unique_ptr<LessonSource> source_;
  agents::Agent& students_;
  std::unique_ptr<Rule> rule_;
  std::unique_ptr<Weight> weight_;
  agents::Adam
      optimizer_;  // its own, so that lessons do not stir the moments of the reinforcement step
  double coefficient_ = 1.0;
  double progress_ = 0.0;  // share of training done
  std::int64_t num_rounds_ = 0;
  std::int64_t num_steps_ = 0;
  Tensor metric_sums_;  // [7, M]
  std::int64_t num_metric_steps_ = 0;
};

}  // namespace duet::distill
