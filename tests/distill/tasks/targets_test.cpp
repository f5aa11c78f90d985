// Closed forms of smoothed labels, in float64.
#include "distill/tasks/targets.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <tuple>

#include "agents/members.h"
#include "core/config_reader.h"
#include "tests/agents/support.h"
#include "tests/distill/rules/answers.h"

namespace duet::tasks {
namespace {

using distill::kBatch;
using distill::kClasses;
using distill::kMembers;
using distill::MaxDifference;
using distill::WaveLabels;
using distill::WaveLogits;

const std::vector<std::uint64_t> kSeeds = {3, 4};

Tensor Number(double value) { return at::scalar_tensor(value, at::kDouble); }

Tensor Loss(const TargetConfig& config, const Tensor& logits, const Tensor& labels,
            const Tensor& average = {}) {
  return Targets(config, kSeeds).Loss(logits, labels, average);
}

TEST(LabelTargetsTest, AreProbabilitiesWithTheSameMassOnEachOtherClass) {
  const double epsilon = 0.1;
  const Tensor targets = LabelTargets(WaveLabels(), Number(1.0 - epsilon), kClasses);
  EXPECT_LT(MaxDifference(targets.sum(2), at::ones({kMembers, kBatch}, at::kDouble)), 1e-15);
  const Tensor on_label = targets.gather(2, WaveLabels().unsqueeze(2));
  EXPECT_LT(MaxDifference(on_label, Number(1.0 - epsilon)), 1e-15);
  EXPECT_NEAR(targets.min().item<double>(), epsilon / (kClasses - 1), 1e-15);
}

// Not epsilon / K everywhere: the label's lead over another class is 1 - epsilon - epsilon / (K -
// 1), and with epsilon / (K - 1) on all it would have 1 - epsilon.
TEST(LabelTargetsTest, TheOthersShareWhatIsTakenFromTheLabel) {
  const double epsilon = 0.3, other = epsilon / (kClasses - 1);
  const Tensor targets = LabelTargets(WaveLabels(), Number(1.0 - epsilon), kClasses);
  const Tensor hot = at::zeros_like(targets).scatter(2, WaveLabels().unsqueeze(2), 1.0);
  EXPECT_LT(MaxDifference(targets, (1.0 - epsilon - other) * hot + other), 1e-15);
}

TEST(LabelTargetsTest, AreNothingWithoutALabel) {
  Tensor labels = WaveLabels();
  labels[1][2] = -1;
  const Tensor targets = LabelTargets(labels, Number(0.9), kClasses);
  EXPECT_EQ(targets[1][2].abs().sum().item<double>(), 0.0);
  EXPECT_NEAR(targets.sum().item<double>(), kMembers * kBatch - 1.0, 1e-12);
  const Tensor loss = LabelLoss(WaveLogits(1.3), labels);
  EXPECT_EQ(loss[1][2].item<double>(), 0.0);
  EXPECT_GT(loss[1][3].item<double>(), 0.0);
}

TEST(TargetsTest, PlainLabelsAreTheCrossEntropy) {
  const Tensor logits = WaveLogits(1.3);
  const Tensor log_p = logits.log_softmax(2);
  const Tensor expected = -log_p.gather(2, WaveLabels().unsqueeze(2)).squeeze(2);
  EXPECT_TRUE(at::equal(Loss({}, logits, WaveLabels()), expected));
  const Tensor smoothed = Loss({.label_smoothing = 0.3}, logits, WaveLabels());
  const Tensor rest = -(log_p.sum(2) + expected);  // of all other classes
  EXPECT_LT(MaxDifference(smoothed, 0.7 * expected + 0.1 * rest), 1e-12);
}

TEST(TargetsTest, TheConfidencePenaltyIsThePriceOfEntropy) {
  const Tensor logits = WaveLogits(1.3);
  const Tensor p = logits.softmax(2);
  const Tensor expected = Loss({}, logits, WaveLabels()) + 0.2 * (p * p.log()).sum(2);
  EXPECT_LT(MaxDifference(Loss({.confidence_penalty = 0.2}, logits, WaveLabels()), expected),
            1e-12);
}

TEST(DrawBetaTest, HasTheMeanAndTheDistributionOfBeta) {
  for (const double a : {1.0, 3.0, 8.0}) {
    auto rngs = agents::MemberStreams(kSeeds, "test");
    const Tensor draws = DrawBeta(rngs, 100'000, a).to(at::kDouble);
    EXPECT_GT(draws.min().item<double>(), 0.0);
    EXPECT_LE(draws.max().item<double>(), 1.0);
    for (std::int64_t m = 0; m < kMembers; ++m) {
      EXPECT_NEAR(draws[m].mean().item<double>(), a / (a + 1.0), 3e-3) << a;
      // P(b <= x) = x^a.
      for (const double x : {0.3, 0.6, 0.9}) {
        EXPECT_NEAR((draws[m] <= x).to(at::kDouble).mean().item<double>(), std::pow(x, a), 6e-3);
      }
    }
    EXPECT_FALSE(at::equal(draws[0], draws[1]));
  }
}

// Of each value within its row.
Tensor Ranks(const Tensor& values) { return std::get<1>(std::get<1>(values.sort(1)).sort(1)); }

TEST(WithRanksOfTest, TheRankCorrelationIsOneInEveryRow) {
  const Tensor draws = distill::Wave({kMembers, 64}, 2.1);
  const Tensor values = distill::Wave({kMembers, 64}, 0.37);
  const Tensor matched = WithRanksOf(draws, values);
  EXPECT_TRUE(at::equal(Ranks(matched), Ranks(values)));
  EXPECT_TRUE(at::equal(std::get<0>(matched.sort(1)), std::get<0>(draws.sort(1))));
}

TEST(TargetsTest, BetaSmoothedLabelsAreProbabilitiesRankedAsTheAveragesConfidence) {
  auto rngs = agents::MemberStreams(kSeeds, "test");
  const Tensor draws = DrawBeta(rngs, kBatch, 3.0).to(at::kDouble);
  const Tensor confidence = -LabelLoss(WaveLogits(0.7), WaveLabels());
  const Tensor targets = LabelTargets(WaveLabels(), WithRanksOf(draws, confidence), kClasses);
  EXPECT_GE(targets.min().item<double>(), 0.0);
  EXPECT_LT(MaxDifference(targets.sum(2), at::ones({kMembers, kBatch}, at::kDouble)), 1e-12);
  const Tensor on_label = targets.gather(2, WaveLabels().unsqueeze(2)).squeeze(2);
  EXPECT_TRUE(at::equal(Ranks(on_label), Ranks(confidence)));
}

// With Beta(a, 1) of a large a every draw is 1.
TEST(TargetsTest, BetaSmoothingOfALargeShapeIsTheCrossEntropy) {
  const Tensor logits = WaveLogits(1.3);
  const Tensor loss =
      Loss({.beta_share = 1.0, .beta_shape = 1e9}, logits, WaveLabels(), WaveLogits(0.7));
  EXPECT_LT(MaxDifference(loss, LabelLoss(logits, WaveLabels())), 1e-6);
}

TEST(TargetsTest, ConstantDrawsAreLabelSmoothing) {
  const Tensor draws = at::full({kMembers, kBatch}, 0.75, at::kDouble);
  const Tensor targets =
      LabelTargets(WaveLabels(), WithRanksOf(draws, WaveLogits(0.7).amax(2)), kClasses);
  EXPECT_LT(MaxDifference(TargetLoss(WaveLogits(1.3), targets),
                          Loss({.label_smoothing = 0.25}, WaveLogits(1.3), WaveLabels())),
            1e-12);
}

TEST(TargetsTest, NoShareOfBetaSmoothingIsTheCrossEntropyAndDrawsNothing) {
  Targets none({.beta_share = 0.0}, kSeeds);
  EXPECT_FALSE(none.needs_average());
  EXPECT_TRUE(at::equal(none.Loss(WaveLogits(1.3), WaveLabels()),
                        LabelLoss(WaveLogits(1.3), WaveLabels())));
}

TEST(TargetsTest, TheShareMixesBothLosses) {
  const auto loss = [](double share) {
    return Loss({.beta_share = share}, WaveLogits(1.3), WaveLabels(), WaveLogits(0.7));
  };
  EXPECT_LT(MaxDifference(loss(0.6), 0.4 * loss(0.0) + 0.6 * loss(1.0)), 1e-7);
  EXPECT_GT(MaxDifference(loss(1.0), loss(0.0)), 1e-2);
}

TEST(TargetsTest, SamplesWithoutALabelTakeNoPartInTheRanks) {
  Tensor labels = WaveLabels();
  labels.select(1, 2).fill_(-1);
  const TargetConfig config = {.beta_share = 1.0};
  const Tensor loss = Loss(config, WaveLogits(1.3), labels, WaveLogits(0.7));
  EXPECT_EQ(loss.select(1, 2).abs().max().item<double>(), 0.0);
  // The labelled ones have the draws of their own rows.
  auto rngs = agents::MemberStreams(kSeeds, "beta_smoothing");
  const Tensor rows = at::tensor({0, 1, 3, 4});
  const Tensor draws = DrawBeta(rngs, kBatch, 3.0).to(at::kDouble).index_select(1, rows);
  const Tensor confidence = -LabelLoss(WaveLogits(0.7), WaveLabels()).index_select(1, rows);
  const Tensor targets =
      LabelTargets(labels.index_select(1, rows), WithRanksOf(draws, confidence), kClasses);
  EXPECT_LT(MaxDifference(loss.index_select(1, rows),
                          TargetLoss(WaveLogits(1.3).index_select(1, rows), targets)),
            1e-12);
}

TEST(TargetsTest, DrawsGoOnWhereTheyWereSaved) {
  const TargetConfig config = {.beta_share = 1.0};
  const auto loss = [](Targets& targets) {
    return targets.Loss(WaveLogits(1.3), WaveLabels(), WaveLogits(0.7));
  };
  Targets original(config, kSeeds), again(config, kSeeds);
  loss(original);
  const auto archive =
      agents::Written([&](core::ArchiveWriter& writer) { original.Save(writer, "targets"); });
  again.Load(*archive, "targets");
  const Tensor next = loss(original);
  EXPECT_TRUE(at::equal(loss(again), next));
  EXPECT_FALSE(at::equal(loss(again), next));
}

TEST(UpdateAverageTest, EqualWeightsAreTheirOwnAverage) {
  const Tensor weights = distill::Wave({kMembers, 7}, 0.9);
  Tensor average = at::zeros_like(weights);
  for (std::int64_t step = 0; step < 2000; ++step) UpdateAverage(average, weights, step, 0.999);
  EXPECT_LT(MaxDifference(average, weights), 1e-12);
}

TEST(UpdateAverageTest, TheFirstStepsCountAlikeAndLaterOnesDecay) {
  Tensor average = at::zeros({1}, at::kDouble);
  for (std::int64_t step = 0; step < 4; ++step) {
    UpdateAverage(average, at::full({1}, static_cast<double>(step), at::kDouble), step, 0.999);
  }
  EXPECT_NEAR(average.item<double>(), 1.5, 1e-12);
  UpdateAverage(average, at::full({1}, 2.5, at::kDouble), 1'000'000, 0.999);
  EXPECT_NEAR(average.item<double>(), 1.501, 1e-12);
}

TEST(TargetConfigTest, IsReadFromASection) {
  TargetConfig config;
  core::ConfigFile("label_smoothing = 0.1\nbeta_share = 0.6\naverage_decay = 0.99", "t.toml", {})
      .Read(config);
  EXPECT_EQ(config.label_smoothing, 0.1);
  EXPECT_EQ(config.beta_share, 0.6);
  EXPECT_EQ(config.average_decay, 0.99);
}

}  // namespace
}  // namespace duet::tasks
