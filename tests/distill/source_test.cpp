#include "distill/source.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/archive.h"
#include "tests/distill/population.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::distill {
namespace {

constexpr std::int64_t kBatch = 32;

// Whose states these are and of which steps; see Live.
Tensor Seeds(const Lesson& lesson) { return lesson.observations.select(2, 0); }
Tensor Steps(const Lesson& lesson) { return lesson.observations.select(2, 1); }

agents::DdpgConfig Normalizing() {
  agents::DdpgConfig config = SmallDdpg();
  config.normalize_observations = true;
  return config;
}

TEST(PeerReplayTest, AStudentGetsItsPeersStatesAnswersAndValues) {
  const auto population = MakePopulation({10, 11, 12}, Normalizing());
  Live(*population, 50);
  const std::vector<std::int64_t> peers = {2, 0, 1};
  const Lesson lesson =
      MakePeerReplay(*population, peers, 0)->Draw(kBatch, ValueChoice::kOwnAction);
  ASSERT_EQ(lesson.observations.sizes(), (at::IntArrayRef{3, kBatch, kObservationSize}));
  for (std::int64_t student = 0; student < 3; ++student) {
    const std::int64_t peer = peers[static_cast<std::size_t>(student)];
    EXPECT_TRUE(Seeds(lesson)[student].eq(10.0 + static_cast<double>(peer)).all().item<bool>());
    // The peer is asked by hand, in its own row.
    Tensor asked = at::zeros({3, kBatch, kObservationSize});
    asked[peer].copy_(lesson.observations[student]);
    const agents::PolicyOutput answer = population->policy().Answer(asked);
    EXPECT_TRUE(at::allclose(lesson.answer.mean[student], answer.mean[peer], 1e-6, 1e-6));
    EXPECT_TRUE(at::allclose(lesson.value[student], population->Value(asked)[peer], 1e-6, 1e-6));
    EXPECT_TRUE(at::allclose(lesson.answer.log_std.expand_as(lesson.answer.mean)[student],
                             answer.log_std.expand_as(answer.mean)[peer]));
  }
}

TEST(PeerReplayTest, ObservationsAreRaw) {
  const auto population = MakePopulation({10, 11}, Normalizing());
  Live(*population, 50);
  const Lesson lesson =
      MakePeerReplay(*population, {1, 0}, 0)->Draw(kBatch, ValueChoice::kOwnAction);
  EXPECT_TRUE(Steps(lesson).eq(Steps(lesson).round()).all().item<bool>());
  EXPECT_GT(Steps(lesson).max().item<float>(), 30.0F);
}

TEST(PeerReplayTest, ValuesAreGivenWhereAskedFor) {
  const auto population = MakePopulation({10, 11});
  Live(*population, 5);
  EXPECT_FALSE(MakePeerReplay(*population, {1, 0}, 0)->Draw(kBatch, std::nullopt).value.defined());
}

TEST(PeerReplayTest, NothingCarriesAGradient) {
  const auto population = MakePopulation({10, 11});
  Live(*population, 5);
  const Lesson lesson =
      MakePeerReplay(*population, {1, 0}, 0)->Draw(kBatch, ValueChoice::kOwnAction);
  for (const Tensor& part :
       {lesson.observations, lesson.answer.mean, lesson.answer.log_std, lesson.value}) {
    EXPECT_FALSE(part.requires_grad());
  }
}

TEST(PeerReplayTest, IsReadyOnceThereIsExperience) {
  const auto population = MakePopulation({10, 11});
  const auto source = MakePeerReplay(*population, {1, 0}, 0);
  EXPECT_FALSE(source->Ready());
  Live(*population, 1);
  EXPECT_TRUE(source->Ready());
}

TEST(PeerReplayTest, RecentMeansTheLatestTransitions) {
  const auto population = MakePopulation({10, 11});
  Live(*population, 150);  // more than the replay of 100 holds
  const Lesson recent = MakePeerReplay(*population, {1, 0}, 20)->Draw(1000, std::nullopt);
  EXPECT_EQ(Steps(recent).min().item<float>(), 130.0F);
  EXPECT_EQ(Steps(recent).max().item<float>(), 149.0F);
  const Lesson all = MakePeerReplay(*population, {1, 0}, 0)->Draw(2000, std::nullopt);
  EXPECT_EQ(Steps(all).min().item<float>(), 50.0F);
  EXPECT_EQ(Steps(all).max().item<float>(), 149.0F);
}

TEST(PeerReplayTest, APairDrawsTheSameWhicheverPairsStandBeside) {
  const auto one = MakePopulation({10, 11});
  const auto two = MakePopulation({20, 21, 10, 11});
  Live(*one, 50);
  Live(*two, 50);
  const Lesson alone = MakePeerReplay(*one, {1, 0}, 30)->Draw(kBatch, ValueChoice::kOwnAction);
  const Lesson beside =
      MakePeerReplay(*two, {1, 0, 3, 2}, 30)->Draw(kBatch, ValueChoice::kOwnAction);
  EXPECT_TRUE(SameBits(beside.observations.narrow(0, 2, 2), alone.observations));
  EXPECT_TRUE(at::allclose(beside.value.narrow(0, 2, 2), alone.value, 1e-6, 1e-6));
}

TEST(PeerReplayTest, ContinuesItsStreamsFromACheckpoint) {
  const support::TempFolder folder;
  const auto population = MakePopulation({10, 11});
  Live(*population, 50);
  const auto source = MakePeerReplay(*population, {1, 0}, 0);
  source->Draw(7, ValueChoice::kOwnAction);
  core::ArchiveWriter archive;
  source->Save(archive);
  archive.Write(folder / "a");
  const auto continued = MakePeerReplay(*population, {1, 0}, 0);
  continued->Load(core::ArchiveReader(folder / "a"));
  const Lesson expected = source->Draw(kBatch, ValueChoice::kOwnAction);
  EXPECT_TRUE(SameBits(continued->Draw(kBatch, ValueChoice::kOwnAction).observations,
                       expected.observations));
}

TEST(PeerReplayTest, RefusesPeersThatCannotBe) {
  const auto population = MakePopulation({10, 11});
  const auto error = [&](std::vector<std::int64_t> peers) {
    return support::MessageOf<std::invalid_argument>(
        [&] { MakePeerReplay(*population, std::move(peers), 0); });
  };
  EXPECT_EQ(error({1}), "every member needs a peer");
  EXPECT_EQ(error({1, 0, 0}), "every member needs a peer");
  EXPECT_EQ(error({0, 0}), "member 0 cannot have the peer 0");
  EXPECT_EQ(error({1, 2}), "member 1 cannot have the peer 2");
  EXPECT_EQ(error({-1, 0}), "member 0 cannot have the peer -1");
}

TEST(StudentStatesTest, TheTeacherAnswersOnTheStudentsOwnStates) {
  const std::shared_ptr<agents::Agent> teacher = MakePopulation({30, 31}, Normalizing());
  Live(*teacher, 100);
  const auto students = MakePopulation({10, 11}, Normalizing());
  Live(*students, 50);
  const Lesson lesson =
      MakeStudentStates(teacher, *students, 10)->Draw(kBatch, ValueChoice::kOwnAction);
  EXPECT_TRUE(Seeds(lesson)[0].eq(10).all().item<bool>());
  EXPECT_TRUE(Seeds(lesson)[1].eq(11).all().item<bool>());
  EXPECT_GE(Steps(lesson).min().item<float>(), 40.0F);
  // With the teacher's own statistics of raw observations.
  EXPECT_TRUE(SameBits(lesson.answer.mean, teacher->policy().Answer(lesson.observations).mean));
  EXPECT_TRUE(SameBits(lesson.value, teacher->Value(lesson.observations)));
  EXPECT_FALSE(
      at::allclose(lesson.answer.mean, students->policy().Answer(lesson.observations).mean));
}

TEST(StudentStatesTest, NeedsNoExperienceOfTheTeacher) {
  const std::shared_ptr<agents::Agent> teacher = MakePopulation({30});
  const auto students = MakePopulation({10});
  const auto source = MakeStudentStates(teacher, *students, 0);
  EXPECT_FALSE(source->Ready());
  Live(*students, 1);
  EXPECT_TRUE(source->Ready());
}

TEST(TeacherReplayTest, TheTeacherAnswersOnItsOwnStates) {
  const std::shared_ptr<agents::Agent> teacher = MakePopulation({30, 31}, Normalizing());
  Live(*teacher, 60);
  const auto source = MakeTeacherReplay(teacher, 15);
  const Lesson lesson = source->Draw(kBatch, ValueChoice::kOwnAction);
  EXPECT_TRUE(Seeds(lesson)[0].eq(30).all().item<bool>());
  EXPECT_TRUE(Seeds(lesson)[1].eq(31).all().item<bool>());
  EXPECT_GE(Steps(lesson).min().item<float>(), 45.0F);
  EXPECT_TRUE(SameBits(lesson.answer.mean, teacher->policy().Answer(lesson.observations).mean));
  EXPECT_TRUE(SameBits(lesson.value, teacher->Value(lesson.observations)));
}

}  // namespace
}  // namespace duet::distill
