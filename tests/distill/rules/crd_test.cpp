#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "agents/tensor.h"
#include "core/error.h"
#include "distill/rules/negatives.h"
#include "tests/agents/support.h"
#include "tests/distill/rules/answers.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

constexpr std::int64_t kPool = 12, kNegatives = 9;

RuleInputs Inputs() {
  return {.student = {{3}},
          .source = {{4}},
          .member_seeds = {1, 2},
          .num_samples = kPool,
          .dtype = at::kDouble};
}

RuleConfig Config() {
  RuleConfig config = RuleDefaults(RuleKind::kCrd);
  config.embedding = 5;
  config.negatives = kNegatives;
  return config;
}

Answer Student() { return ClassifierAnswer({}, {Wave({kMembers, kBatch, 3}, 1.3)}); }
Answer Source() { return ClassifierAnswer({}, {Wave({kMembers, kBatch, 4}, 0.7)}); }

Context Batch(std::int64_t first) {
  return {.samples = (at::arange(kBatch, at::kLong) + first).repeat({kMembers, 1})};
}

// Embeddings of length 0 are as like to every row: -log 1 / (1 + K) - K log K / (1 + K) from both
// sides.
TEST(CrdTest, ALossAtChanceIsThatOfANoiseTestThatKnowsNothing) {
  const auto rule = MakeRule(Config(), Inputs());
  rule->parameters()[0].detach().zero_();
  const double k = kNegatives;
  const double chance = 2.0 * (std::log(1.0 + k) + k * std::log((1.0 + k) / k));
  const Tensor loss = rule->Loss(Student(), Source(), Batch(0));
  EXPECT_LT(MaxDifference(loss, at::full_like(loss, chance)), 1e-5);
}

Tensor MemoryOf(const Rule& rule, const std::string& side) {
  const auto archive =
      agents::Written([&](core::ArchiveWriter& writer) { rule.Save(writer, "crd"); });
  return agents::ReadTensor(*archive, "crd." + side + "_memory");
}

TEST(CrdTest, RowsOfTheMemoriesHaveLengthOneAndThoseOfABatchMove) {
  const auto rule = MakeRule(Config(), Inputs());
  const Tensor before = MemoryOf(*rule, "student");
  rule->Loss(Student(), Source(), Batch(2));
  EXPECT_TRUE(at::equal(MemoryOf(*rule, "student"), before));  // until the next batch
  rule->Loss(Student(), Source(), Batch(0));
  for (const char* side : {"student", "source"}) {
    const Tensor lengths = at::linalg_vector_norm(MemoryOf(*rule, side), 2, 2);
    EXPECT_LT(MaxDifference(lengths, at::ones_like(lengths)), 1e-6);
  }
  const Tensor moved = (MemoryOf(*rule, "student") != before).any(2);
  const Tensor expected = at::zeros_like(moved);
  expected.narrow(1, 2, kBatch).fill_(true);
  EXPECT_TRUE(at::equal(moved, expected));
}

TEST(CrdTest, LearningFindsTheRows) {
  const auto rule = MakeRule(Config(), Inputs());
  const Tensor rows = rule->parameters()[0];
  const auto loss = [&] { return rule->Loss(Student(), Source(), Batch(0)).mean(1).sum(); };
  const double before = loss().item<double>();
  for (int step = 0; step < 100; ++step) {
    rows.mutable_grad().reset();
    loss().backward();
    rows.detach().sub_(rows.grad(), 0.01);
  }
  EXPECT_LT(loss().item<double>(), 0.8 * before);
}

TEST(CrdTest, MapsAreAveragedOverHeightAndWidth) {
  RuleInputs inputs = Inputs();
  inputs.student = {{3, 2, 2}};
  inputs.source = {{4, 2, 2}};
  const Tensor s = Wave({kMembers, kBatch, 3, 2, 2}, 1.3),
               t = Wave({kMembers, kBatch, 4, 2, 2}, 0.7);
  const Tensor of_maps =
      LossOf(Config(), ClassifierAnswer({}, {s}), ClassifierAnswer({}, {t}), Batch(0), inputs);
  constexpr std::int64_t kArea[] = {3, 4};
  const Tensor of_means = LossOf(Config(), ClassifierAnswer({}, {s.mean(kArea)}),
                                 ClassifierAnswer({}, {t.mean(kArea)}), Batch(0), Inputs());
  EXPECT_LT(MaxDifference(of_maps, of_means), 1e-12);
}

TEST(CrdTest, GoesOnWhereItWasSaved) {
  const auto original = MakeRule(Config(), Inputs());
  original->Loss(Student(), Source(), Batch(0));
  RuleInputs others = Inputs();
  others.member_seeds = {8, 9};
  const auto again = MakeRule(Config(), others);
  const auto archive =
      agents::Written([&](core::ArchiveWriter& writer) { original->Save(writer, "crd"); });
  again->Load(*archive, "crd");
  for (const std::int64_t first : {3, 1}) {
    EXPECT_TRUE(at::equal(again->Loss(Student(), Source(), Batch(first)),
                          original->Loss(Student(), Source(), Batch(first))));
  }
}

TEST(CrdTest, NeedsToKnowTheSamplesAndOneLayer) {
  EXPECT_EQ(
      support::MessageOf<ConfigError>([] { LossOf(Config(), Student(), Source(), {}, Inputs()); }),
      "rule = \"crd\" remembers samples and is not told which these are");
  EXPECT_EQ(support::MessageOf<ConfigError>([] {
              RuleInputs inputs = Inputs();
              inputs.student = inputs.source = {{3}, {3}};
              MakeRule(Config(), inputs);
            }),
            "rule = \"crd\" contrasts one layer; 2 are named");
}

std::set<std::int64_t> Drawn(const Negatives& negatives, std::int64_t sample) {
  core::Rng rng(3);
  std::vector<std::int64_t> rows(500);
  negatives.Draw(rng, sample, rows);
  return {rows.begin(), rows.end()};
}

TEST(NegativesTest, AreAllSamplesOfOtherClasses) {
  const Negatives negatives(6, at::tensor({1, 0, 1, -1, -1, 0}, at::kLong));
  EXPECT_EQ(Drawn(negatives, 0), (std::set<std::int64_t>{1, 3, 4, 5}));
  EXPECT_EQ(Drawn(negatives, 5), (std::set<std::int64_t>{0, 2, 3, 4}));
  EXPECT_EQ(Drawn(negatives, 3), (std::set<std::int64_t>{0, 1, 2, 4, 5}));
}

TEST(NegativesTest, AreAllOtherSamplesWithoutLabels) {
  EXPECT_EQ(Drawn(Negatives(4, {}), 2), (std::set<std::int64_t>{0, 1, 3}));
}

TEST(NegativesTest, NeedTwoClasses) {
  EXPECT_EQ(support::MessageOf<ConfigError>([] { Negatives(3, at::zeros({3}, at::kLong)); }),
            "rule = \"crd\" tells samples of different classes; all are of one class");
}

}  // namespace
}  // namespace duet::distill
