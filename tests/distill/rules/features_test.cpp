// Closed forms of the rules about features, in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "agents/tensor.h"
#include "core/error.h"
#include "tests/agents/support.h"
#include "tests/distill/rules/answers.h"
#include "tests/support/message_of.h"

namespace duet::distill {
namespace {

constexpr std::int64_t kChannels = 4, kSize = 3, kWidth = 6;

Tensor Map(double frequency) {
  return Wave({kMembers, kBatch, kChannels, kSize, kSize}, frequency);
}
Tensor Vector(double frequency) { return Wave({kMembers, kBatch, kWidth}, frequency); }

Answer Features(std::vector<Tensor> features) { return ClassifierAnswer({}, std::move(features)); }

RuleInputs Inputs(const FeatureShapes& student, const FeatureShapes& source) {
  return {.student = student, .source = source, .member_seeds = {1, 2}, .dtype = at::kDouble};
}

Tensor Loss(RuleKind kind, const Tensor& student, const Tensor& source) {
  return LossOf(RuleDefaults(kind), Features({student}), Features({source}));
}

double Largest(const Tensor& loss) { return loss.abs().max().item<double>(); }

// An orthogonal matrix [size, size].
Tensor Rotation(std::int64_t size) { return std::get<0>(at::linalg_qr(Wave({size, size}, 0.9))); }

const Tensor kReversed = at::tensor({3, 2, 1, 0});

TEST(FitNetsTest, AnExactRegressorHasNoLoss) {
  const auto rule = MakeRule(RuleDefaults(RuleKind::kFitNets),
                             Inputs({{kChannels, kSize, kSize}}, {{2, kSize, kSize}}));
  const Tensor student = Map(1.3);
  // The source's channels are 2 a - b + 1 and c.
  const Tensor wanted =
      at::stack({2.0 * student.select(2, 0) - student.select(2, 1) + 1.0, student.select(2, 2)}, 2);
  EXPECT_GT(Largest(rule->Loss(Features({student}), Features({wanted}))), 0.1);
  const Tensor weight = at::zeros({kChannels, 2}, at::kDouble), bias = at::zeros({2}, at::kDouble);
  weight[0][0] = 2.0;
  weight[1][0] = -1.0;
  weight[2][1] = 1.0;
  bias[0] = 1.0;
  rule->parameters()[0].detach().copy_(at::cat({weight.view(-1), bias}).expand({kMembers, -1}));
  EXPECT_LT(Largest(rule->Loss(Features({student}), Features({wanted}))), 1e-24);
}

TEST(FitNetsTest, StartsAsPyTorchsLayersAndDiffersPerMember) {
  const RuleInputs inputs = Inputs({{100}}, {{50}});
  const Tensor rows = MakeRule(RuleDefaults(RuleKind::kFitNets), inputs)->parameters()[0];
  EXPECT_EQ(rows.sizes(), (at::IntArrayRef{kMembers, 101 * 50}));
  EXPECT_TRUE(rows.is_leaf() && rows.requires_grad());
  EXPECT_LE(rows.abs().max().item<double>(), 0.1);
  EXPECT_NEAR(rows.std().item<double>(), 0.1 / std::sqrt(3.0), 1e-3);
  EXPECT_FALSE(at::allclose(rows[0], rows[1]));
}

TEST(FitNetsTest, SeveralLayersAddUp) {
  const RuleInputs both = Inputs({{kWidth}, {kWidth}}, {{2}, {2}});
  const auto rule = MakeRule(RuleDefaults(RuleKind::kFitNets), both);
  const Tensor s = Vector(1.3), t = Wave({kMembers, kBatch, 2}, 0.7);
  const Tensor rows = rule->parameters()[0].detach();
  rows.narrow(1, 14, 14).copy_(rows.narrow(1, 0, 14));
  const auto one = MakeRule(RuleDefaults(RuleKind::kFitNets), Inputs({{kWidth}}, {{2}}));
  one->parameters()[0].detach().copy_(rows.narrow(1, 0, 14));
  EXPECT_LT(MaxDifference(rule->Loss(Features({s, s}), Features({t, t})),
                          2.0 * one->Loss(Features({s}), Features({t}))),
            1e-12);
}

TEST(AttentionTransferTest, SeesNoScaleAndNoOrderOfChannels) {
  const RuleKind kind = RuleKind::kAttentionTransfer;
  const Tensor loss = Loss(kind, Map(1.3), Map(0.7));
  EXPECT_LT(MaxDifference(Loss(kind, -3.0 * Map(1.3), 0.5 * Map(0.7)), loss), 1e-12);
  EXPECT_LT(MaxDifference(Loss(kind, Map(1.3).index_select(2, kReversed), Map(0.7)), loss), 1e-12);
  EXPECT_LT(Largest(Loss(kind, 2.0 * Map(0.7).index_select(2, kReversed), Map(0.7))), 1e-24);
}

TEST(NstTest, SeesNoOrderOfChannelsAndIsNeverNegative) {
  EXPECT_LT(Largest(Loss(RuleKind::kNst, Map(0.7).index_select(2, kReversed), Map(0.7))), 1e-12);
  for (double frequency = 0.2; frequency < 3.0; frequency += 0.3) {
    const Tensor loss = Loss(RuleKind::kNst, Map(frequency), Map(0.7));
    EXPECT_GE(loss.min().item<double>(), -1e-12);
  }
}

TEST(NstTest, SidesMayHaveUnlikeNumbersOfChannels) {
  // Every channel twice is the same distribution of channels.
  const Tensor twice = at::cat({Map(0.7), Map(0.7)}, 2);
  EXPECT_LT(Largest(Loss(RuleKind::kNst, twice, Map(0.7))), 1e-12);
}

TEST(SpTest, SeesNoRotationAndNoScale) {
  const RuleKind kind = RuleKind::kSp;
  const Tensor turned = 3.0 * Vector(1.3).matmul(Rotation(kWidth));
  EXPECT_LT(MaxDifference(Loss(kind, turned, Vector(0.7)), Loss(kind, Vector(1.3), Vector(0.7))),
            1e-12);
  EXPECT_LT(Largest(Loss(kind, turned, Vector(1.3))), 1e-24);
}

TEST(PktTest, SeesNoScalePerSample) {
  const Tensor scale = Wave({kMembers, kBatch, 1}, 0.4).square() + 0.5;
  EXPECT_LT(MaxDifference(Loss(RuleKind::kPkt, scale * Vector(1.3), Vector(0.7)),
                          Loss(RuleKind::kPkt, Vector(1.3), Vector(0.7))),
            1e-12);
  EXPECT_LT(Largest(Loss(RuleKind::kPkt, scale * Vector(0.7), Vector(0.7))), 1e-12);
}

TEST(RkdTest, SeesNoSimilarityTransform) {
  const Tensor moved = 3.0 * Vector(1.3).matmul(Rotation(kWidth)) - 2.0;
  EXPECT_LT(MaxDifference(Loss(RuleKind::kRkd, moved, Vector(0.7)),
                          Loss(RuleKind::kRkd, Vector(1.3), Vector(0.7))),
            1e-11);
  EXPECT_LT(Largest(Loss(RuleKind::kRkd, moved, Vector(1.3))), 1e-20);
}

// The mean is over the pairs that are apart: a sample that is there twice changes no unit.
TEST(RkdTest, TheUnitIsTheMeanOfDistancesThatAreNotZero) {
  RuleConfig config = RuleDefaults(RuleKind::kRkd);
  config.distance_weight = 1.0;
  config.angle_weight = 0.0;
  const auto line = [](std::vector<double> places) {
    return at::tensor(places, at::kDouble).view({1, -1, 1});
  };
  // Distances of the student 0, 1, 1: apart are four pairs of mean 1; of the source 0, 1, 3: six of
  // mean 2.
  const Tensor loss =
      LossOf(config, Features({line({0.0, 1.0, 1.0})}), Features({line({0.0, 1.0, 3.0})}));
  const auto huber = [](double x) { return std::abs(x) < 1.0 ? 0.5 * x * x : std::abs(x) - 0.5; };
  const double first = huber(1.0 - 0.5) + huber(1.0 - 1.5);
  const double second = huber(1.0 - 0.5) + huber(0.0 - 1.0);
  EXPECT_NEAR(loss[0][0].item<double>(), first / 3.0, 1e-12);
  EXPECT_NEAR(loss[0][1].item<double>(), second / 3.0, 1e-12);
}

TEST(RkdTest, SamplesThatAreThereTwiceGiveAFiniteGradient) {
  const Tensor student = Vector(1.3).narrow(1, 0, 1).repeat({1, 3, 1}).requires_grad_(true);
  Loss(RuleKind::kRkd, student, Vector(0.7).narrow(1, 0, 3)).sum().backward();
  EXPECT_TRUE(at::isfinite(student.grad()).all().item<bool>());
}

TEST(RkdTest, EachWeightCounts) {
  const auto loss = [](double distance, double angle) {
    RuleConfig config = RuleDefaults(RuleKind::kRkd);
    config.distance_weight = distance;
    config.angle_weight = angle;
    return LossOf(config, Features({Vector(1.3)}), Features({Vector(0.7)}));
  };
  EXPECT_LT(MaxDifference(loss(25.0, 50.0), 25.0 * loss(1.0, 0.0) + 50.0 * loss(0.0, 1.0)), 1e-10);
}

TEST(RelationsTest, SidesMayHaveUnlikeWidths) {
  for (const RuleKind kind : {RuleKind::kSp, RuleKind::kPkt, RuleKind::kRkd}) {
    const Tensor padded = at::cat({Vector(0.7), at::zeros_like(Vector(0.7))}, 2);
    EXPECT_LT(Largest(Loss(kind, Vector(0.7), padded)), 1e-12);
  }
}

// A policy's answer stands for a sample where it shows no features.
TEST(RelationsTest, CompareAnswersOfPoliciesToo) {
  const Tensor actions = Vector(1.3);
  for (const RuleKind kind : {RuleKind::kSp, RuleKind::kPkt, RuleKind::kRkd}) {
    const Tensor of_actions = LossOf(RuleDefaults(kind), PolicyOutput{actions, {}},
                                     PolicyOutput{Vector(0.7).tanh(), {}, Vector(0.7)});
    EXPECT_TRUE(at::equal(of_actions, Loss(kind, actions, Vector(0.7))));
  }
}

// The best variance of a channel is the mean of squared errors.
TEST(VidTest, TheBestVarianceIsTheMeanSquaredError) {
  const auto rule = MakeRule(RuleDefaults(RuleKind::kVid), Inputs({{kWidth}}, {{2}}));
  const Tensor rows = rule->parameters()[0];
  const Tensor student = Vector(1.3), source = Wave({kMembers, kBatch, 2}, 0.7);
  rows.detach().narrow(1, 0, rows.size(1) - 2).zero_();  // the guess is 0
  const Tensor error = source.square().mean(1);          // [M, 2]
  rows.detach().narrow(1, rows.size(1) - 2, 2).copy_((error - 1e-5).expm1().log());
  const Tensor loss = rule->Loss(Features({student}), Features({source})).mean(1);
  EXPECT_LT(MaxDifference(loss, 0.5 * (1.0 + error.log()).mean(1)), 1e-12);
  loss.sum().backward();
  EXPECT_LT(Largest(rows.grad().narrow(1, rows.size(1) - 2, 2)), 1e-12);
}

TEST(VidTest, StartsWithTheVarianceOfItsSettingsWhichIsTrained) {
  RuleConfig config = RuleDefaults(RuleKind::kVid);
  config.initial_variance = 3.0;
  const auto rule = MakeRule(config, Inputs({{kWidth}}, {{2}}));
  const Tensor rows = rule->parameters()[0];
  rows.detach().narrow(1, 0, rows.size(1) - 2).zero_();
  const Tensor source = Wave({kMembers, kBatch, 2}, 0.7);
  const Tensor loss = rule->Loss(Features({Vector(1.3)}), Features({source}));
  EXPECT_LT(MaxDifference(loss, 0.5 * (source.square() / 3.0 + std::log(3.0)).mean(2)), 1e-12);
  loss.sum().backward();
  EXPECT_GT(rows.grad().narrow(1, rows.size(1) - 2, 2).abs().min().item<double>(), 0.0);
}

TEST(FeaturesTest, TheLargerMapIsAveragedDown) {
  const Tensor large = Wave({kMembers, kBatch, kChannels, 4, 6}, 1.3);
  const Tensor small = large.unflatten(3, {2, 2}).unflatten(5, {3, 2}).mean(c10::IntArrayRef{4, 6});
  for (const RuleKind kind : {RuleKind::kAttentionTransfer, RuleKind::kNst}) {
    EXPECT_LT(Largest(Loss(kind, large, small)), 1e-12);
    EXPECT_LT(Largest(Loss(kind, small, large)), 1e-12);
  }
}

std::string Refused(RuleKind kind, const FeatureShapes& student, const FeatureShapes& source) {
  return support::MessageOf<ConfigError>(
      [&] { MakeRule(RuleDefaults(kind), Inputs(student, source)); });
}

TEST(FeaturesTest, WhatCannotBeComparedIsNamed) {
  EXPECT_EQ(Refused(RuleKind::kFitNets, {{3}, {4}}, {{3}}),
            "rule = \"fitnets\" compares features layer by layer; the student shows 2 layers, the "
            "source 1");
  EXPECT_EQ(Refused(RuleKind::kVid, {}, {}),
            "rule = \"vid\" compares features and no layers are named");
  EXPECT_EQ(Refused(RuleKind::kFitNets, {{3, 4, 4}}, {{5}}),
            "rule = \"fitnets\" compares two maps [D, H, W] or two vectors [D]; of layer 0 the "
            "student shows [3, 4, 4], the source [5]");
  EXPECT_EQ(support::MessageOf<ConfigError>(
                [] { Loss(RuleKind::kAttentionTransfer, Vector(1.3), Vector(0.7)); }),
            "rule = \"attention_transfer\" compares maps [D, H, W]; of layer 0 the student shows "
            "[6], the source [6]");
  EXPECT_EQ(
      support::MessageOf<ConfigError>(
          [] { LossOf(RuleDefaults(RuleKind::kSp), Features({Vector(1.3)}), Features({})); }),
      "rule = \"sp\" compares features layer by layer; the student shows 1 layers, the source "
      "0");
}

TEST(FeaturesTest, ParametersGoOnWhereTheyWereSaved) {
  for (const RuleKind kind : {RuleKind::kFitNets, RuleKind::kVid}) {
    const auto original = MakeRule(RuleDefaults(kind), Inputs({{kWidth}}, {{2}}));
    original->parameters()[0].detach().add_(0.1);
    RuleInputs others = Inputs({{kWidth}}, {{2}});
    others.member_seeds = {8, 9};
    const auto again = MakeRule(RuleDefaults(kind), others);
    EXPECT_FALSE(at::equal(again->parameters()[0], original->parameters()[0]));
    again->Load(*agents::Written([&](core::ArchiveWriter& writer) { original->Save(writer, "r"); }),
                "r");
    EXPECT_TRUE(at::equal(again->parameters()[0], original->parameters()[0]));
    EXPECT_TRUE(again->parameters()[0].requires_grad());
  }
}

}  // namespace
}  // namespace duet::distill
