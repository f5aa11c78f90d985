// Whose inputs, and who answers?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent.h"
#include "core/archive.h"
#include "core/random.h"
#include "distill/lesson.h"

namespace duet::distill {

// At whose action both sides are valued.
enum class ValueChoice {
  kOwnAction,   // V(s) of each one's own policy by its own estimate: agents::Agent::Value
  kPeerAction,  // Q(s, pi_source(s)) of both, as in the method's released code
};

class LessonSource {
 public:
  virtual ~LessonSource() = default;

  // Whether a lesson can be drawn yet.
  virtual bool Ready() const = 0;
  // A lesson of `batch_size` samples for every student, as the source is now, with the source's
  // values where somebody asks for them. Requires Ready.
  virtual Lesson Draw(std::int64_t batch_size, std::optional<ValueChoice> value) = 0;

  virtual void Save(core::ArchiveWriter& archive) const = 0;
  virtual void Load(const core::ArchiveReader& archive) = 0;
};

// Dual distillation: student m learns from member peers[m] of the same population, on states of
// that peer's latest `recent` transitions (0: all of its replay).
std::unique_ptr<LessonSource> MakePeerReplay(const agents::Agent& population,
                                             std::vector<std::int64_t> peers, std::int64_t recent);

// A frozen teacher answers, one member per student, on states of its own experience: the replay of
// its training, or rollouts that were recorded from it. Both lie in a replay buffer.
std::unique_ptr<LessonSource> MakeTeacherReplay(std::shared_ptr<const agents::Agent> teacher,
                                                std::int64_t recent);

// A frozen teacher labels states of the students' own latest `recent` transitions.
std::unique_ptr<LessonSource> MakeStudentStates(std::shared_ptr<const agents::Agent> teacher,
                                                const agents::Agent& students, std::int64_t recent);

}  // namespace duet::distill
