#include "distill/source.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace duet::distill {
namespace {

std::vector<core::Rng> LessonStreams(const agents::AgentSpec& spec) {
  std::vector<core::Rng> rngs;
  for (const std::uint64_t seed : spec.member_seeds) {
    rngs.emplace_back(core::SplitSeed(seed, "lesson"));
  }
  return rngs;
}

// A source that draws states from a replay buffer, one random stream per member.
class ReplaySource : public LessonSource {
 public:
  ReplaySource(const agents::AgentSpec& spec, std::int64_t recent)
      : rngs_(LessonStreams(spec)), recent_(recent) {}

  void Save(core::ArchiveWriter& archive) const override {
    for (std::size_t m = 0; m < rngs_.size(); ++m) {
      archive.AddText(fmt::format("lesson_rng.{}", m), rngs_[m].SaveState());
    }
  }

  void Load(const core::ArchiveReader& archive) override {
    for (std::size_t m = 0; m < rngs_.size(); ++m) {
      rngs_[m].LoadState(archive.GetText(fmt::format("lesson_rng.{}", m)));
    }
  }

 protected:
  Tensor DrawStates(const agents::ReplayBuffer& replay, std::int64_t batch_size) {
    return replay.Sample(rngs_, {.batch_size = batch_size, .recent = recent_}).observations;
  }

 private:
  std::vector<core::Rng> rngs_;
  std::int64_t recent_;
};

// What `agent` answers on each member's own row.
Lesson Ask(const agents::Agent& agent, const Tensor& observations,
           std::optional<ValueChoice> value) {
  Lesson lesson;
  lesson.observations = observations;
  lesson.answer = agent.policy().Answer(observations);
  if (value == ValueChoice::kOwnAction) lesson.value = agent.Value(observations);
  if (value == ValueChoice::kPeerAction) {
    lesson.value = agent.ActionValue(observations, lesson.answer.mean);
  }
  return lesson;
}

// The rows of these members, of all parts of an answer that are there.
PolicyOutput SelectMembers(const PolicyOutput& answer, const Tensor& members) {
  const auto select = [&](const Tensor& part) {
    if (!part.defined()) return part;
    // Parts may be the same for all members.
    return part.size(0) == 1 ? part : part.index_select(0, members);
  };
  return {.mean = select(answer.mean),
          .log_std = select(answer.log_std),
          .location = select(answer.location),
          .logits = select(answer.logits)};
}

class PeerReplay : public ReplaySource {
 public:
  PeerReplay(const agents::Agent& population, std::vector<std::int64_t> peers, std::int64_t recent)
      : ReplaySource(population.spec(), recent), population_(population) {
    if (static_cast<std::int64_t>(peers.size()) != population.spec().members()) {
      throw std::invalid_argument("every member needs a peer");
    }
    for (std::size_t m = 0; m < peers.size(); ++m) {
      const std::int64_t peer = peers[m];
      if (peer < 0 || peer >= population.spec().members() || peer == static_cast<std::int64_t>(m)) {
        throw std::invalid_argument(fmt::format("member {} cannot have the peer {}", m, peer));
      }
    }
    peers_ = at::tensor(peers, at::kLong).to(population.spec().device);
  }

  bool Ready() const override { return population_.replay().size() > 0; }

  // Every member answers on its own states, in place; then student m is handed the row of its peer.
  // So no parameters move, however the peers are paired.
  Lesson Draw(std::int64_t batch_size, std::optional<ValueChoice> value) override {
    const at::NoGradGuard no_grad;
    const Lesson own = Ask(population_, DrawStates(population_.replay(), batch_size), value);
    Lesson lesson;
    lesson.observations = own.observations.index_select(0, peers_);
    lesson.answer = SelectMembers(own.answer, peers_);
    if (value) lesson.value = own.value.index_select(0, peers_);
    return lesson;
  }

 private:
  const agents::Agent& population_;
  Tensor peers_;  // [M] int64
};

class TeacherReplay : public ReplaySource {
 public:
  TeacherReplay(std::shared_ptr<const agents::Agent> teacher, std::int64_t recent)
      : ReplaySource(teacher->spec(), recent), teacher_(std::move(teacher)) {}

  bool Ready() const override { return teacher_->replay().size() > 0; }

  Lesson Draw(std::int64_t batch_size, std::optional<ValueChoice> value) override {
    const at::NoGradGuard no_grad;
    return Ask(*teacher_, DrawStates(teacher_->replay(), batch_size), value);
  }

 private:
  std::shared_ptr<const agents::Agent> teacher_;
};

class StudentStates : public ReplaySource {
 public:
  StudentStates(std::shared_ptr<const agents::Agent> teacher, const agents::Agent& students,
                std::int64_t recent)
      : ReplaySource(students.spec(), recent), teacher_(std::move(teacher)), students_(students) {}

  bool Ready() const override { return students_.replay().size() > 0; }

  Lesson Draw(std::int64_t batch_size, std::optional<ValueChoice> value) override {
    const at::NoGradGuard no_grad;
    return Ask(*teacher_, DrawStates(students_.replay(), batch_size), value);
  }

 private:
  std::shared_ptr<const agents::Agent> teacher_;
  const agents::Agent& students_;
};

}  // namespace

std::unique_ptr<LessonSource> MakePeerReplay(const agents::Agent& population,
                                             std::vector<std::int64_t> peers, std::int64_t recent) {
  return std::make_unique<PeerReplay>(population, std::move(peers), recent);
}

std::unique_ptr<LessonSource> MakeTeacherReplay(std::shared_ptr<const agents::Agent> teacher,
                                                std::int64_t recent) {
  return std::make_unique<TeacherReplay>(std::move(teacher), recent);
}

std::unique_ptr<LessonSource> MakeStudentStates(std::shared_ptr<const agents::Agent> teacher,
                                                const agents::Agent& students,
                                                std::int64_t recent) {
  return std::make_unique<StudentStates>(std::move(teacher), students, recent);
}

}  // namespace duet::distill
