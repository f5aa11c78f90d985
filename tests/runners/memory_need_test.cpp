#include "runners/memory_need.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/support/message_of.h"

namespace duet::runners {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

RunPlan HalfCheetah(std::int64_t capacity, std::int64_t steps) {
  RunPlan plan;
  plan.config.env.id = "HalfCheetah-v5";
  plan.config.seeds = {0, 1, 2};
  plan.config.agent.ddpg.replay_capacity = capacity;
  plan.config.training.env_steps_total = steps;
  return plan;
}

// Two observations of 17 numbers, 6 of the action, the reward and how it ended.
constexpr std::int64_t kTransitionBytes = 4 * (17 + 17 + 6 + 2);

TEST(MemoryNeedTest, AReplayTakesItsRawSize) {
  const ReplayNeed need = NeedOf(HalfCheetah(1'000'000, 2'000'000));
  EXPECT_EQ(need.members, 3);
  EXPECT_EQ(need.transition_bytes, kTransitionBytes);
  EXPECT_EQ(need.bytes(), 3 * 1'000'000 * kTransitionBytes);
}

TEST(MemoryNeedTest, NoMoreThanWillBeTrained) {
  EXPECT_EQ(NeedOf(HalfCheetah(1'000'000, 5000)).transitions, 5000);
  RunPlan pair = HalfCheetah(1'000'000, 5000);
  pair.method.kind = MethodKind::kDual;
  EXPECT_EQ(NeedOf(pair).members, 6);
  EXPECT_EQ(NeedOf(pair).transitions, 2500);
  RunPlan student = HalfCheetah(1'000'000, 5000);
  student.method.kind = MethodKind::kTeacher;
  student.method.teacher.share = 0.4;
  EXPECT_EQ(NeedOf(student).transitions, 3000);
  EXPECT_EQ(NeedOf(student).teacher_bytes, 3 * 2000 * kTransitionBytes);
}

TEST(MemoryNeedTest, ALineSaysWhatIsNeededOfThoseAtOnce) {
  const std::vector<RunPlan> plans = {HalfCheetah(1000, 1000), HalfCheetah(100'000, 100'000),
                                      HalfCheetah(100'000, 100'000)};
  EXPECT_THAT(
      CheckMemory(plans, 1),
      AllOf(HasSubstr("memory: 50 MB of replay when full (3 learners x 100,000 transitions x "
                      "168 bytes), "),
            HasSubstr(" available")));
  EXPECT_THAT(CheckMemory(plans, 2),
              HasSubstr("memory: 101 MB of replay when full (2 runs at once"));
}

TEST(MemoryNeedTest, WhatDoesNotFitIsRefused) {
  const std::vector<RunPlan> plans = {HalfCheetah(1'000'000'000, 1'000'000'000)};
  EXPECT_THAT(
      support::MessageOf<ConfigError>([&] { CheckMemory(plans, 1); }),
      AllOf(HasSubstr("agent.replay_capacity = 1000000000: needs 504.0 GB of replay when full"),
            HasSubstr("; allowed is about ")));
}

}  // namespace
}  // namespace duet::runners
