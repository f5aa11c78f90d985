#include "distill/weight.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

namespace duet::distill {
namespace {

constexpr std::int64_t kMembers = 3, kBatch = 64;

// Disadvantages of both signs, without ties.
Tensor Xi() {
  return at::sin(at::arange(kMembers * kBatch, at::kDouble) * 0.7).view({kMembers, kBatch}) + 0.1;
}

// Every weight of the table, with each scale and sign, keeps the contract of Weight::Weigh.
class WeightConformanceTest
    : public ::testing::TestWithParam<
          std::tuple<core::Option<WeightKind>, core::Option<DisadvantageScale>, bool>> {
 protected:
  WeightConfig Config() const {
    WeightConfig config;
    config.kind = std::get<0>(GetParam()).value;
    config.scale = std::get<1>(GetParam()).value;
    config.reversed = std::get<2>(GetParam());
    return config;
  }
  Tensor Weigh(const Tensor& xi) const { return MakeWeight(Config())->Weigh(xi); }
};

TEST_P(WeightConformanceTest, GivesOneFiniteWeightPerMemberAndSample) {
  const Tensor weights = Weigh(Xi());
  EXPECT_EQ(weights.sizes(), (at::IntArrayRef{kMembers, kBatch}));
  EXPECT_TRUE(at::isfinite(weights).all().item<bool>());
  EXPECT_GE(weights.min().item<double>(), 0.0);
}

TEST_P(WeightConformanceTest, CarriesNoGradient) {
  const at::AutoGradMode grad(true);
  EXPECT_FALSE(Weigh(Xi().requires_grad_(true)).requires_grad());
}

TEST_P(WeightConformanceTest, AMemberIsWeighedByItsOwnRowAlone) {
  Tensor changed = Xi();
  changed[1] = changed[1] * 30.0 - 2.0;
  for (const std::int64_t m : {0, 2}) EXPECT_TRUE(at::equal(Weigh(changed)[m], Weigh(Xi())[m]));
  EXPECT_TRUE(at::allclose(Weigh(Xi()[1].unsqueeze(0))[0], Weigh(Xi())[1], 1e-12, 1e-12));
}

TEST_P(WeightConformanceTest, PermutingTheSamplesPermutesTheWeights) {
  const Tensor order = at::arange(kBatch, at::kLong).mul(27).remainder(kBatch);  // 27 is coprime
  EXPECT_TRUE(at::allclose(Weigh(Xi().index_select(1, order)), Weigh(Xi()).index_select(1, order),
                           1e-12, 1e-12));
}

TEST_P(WeightConformanceTest, GrowsWithTheDisadvantageOrShrinksReversed) {
  const Tensor ascending = std::get<0>(at::sort(Xi(), 1));
  const Tensor steps = Weigh(ascending).diff(1, 1) * (Config().reversed ? -1.0 : 1.0);
  EXPECT_GE(steps.min().item<double>(), 0.0);
  const bool weighs = Config().kind != WeightKind::kUniform;
  EXPECT_EQ(steps.sum().item<double>() > 0.0, weighs);
}

TEST_P(WeightConformanceTest, ReversedIsTheWeightOfTheOtherSign) {
  WeightConfig other = Config();
  other.reversed = !other.reversed;
  EXPECT_TRUE(at::allclose(MakeWeight(other)->Weigh(-Xi()), Weigh(Xi()), 1e-12, 1e-12));
}

TEST_P(WeightConformanceTest, EqualDisadvantagesWeighTheSame) {
  for (const double xi : {-3.0, 0.0, 1e-30, 2.5, 1e6}) {
    const Tensor weights = Weigh(at::full({kMembers, kBatch}, xi, at::kFloat));
    EXPECT_TRUE(at::equal(weights, weights.select(1, 0).unsqueeze(1).expand_as(weights))) << xi;
    if (Config().kind != WeightKind::kHard) {
      EXPECT_TRUE(at::allclose(weights, at::ones_like(weights))) << xi;
    }
  }
}

TEST_P(WeightConformanceTest, AScaledDisadvantageWeighsTheSameWhereItIsDividedByItsDeviation) {
  if (Config().kind == WeightKind::kExponential && Config().scale == DisadvantageScale::kNone) {
    EXPECT_FALSE(at::allclose(Weigh(Xi() * 7.0), Weigh(Xi())));
  } else {
    EXPECT_TRUE(at::allclose(Weigh(Xi() * 7.0), Weigh(Xi()), 1e-9, 1e-9));
  }
}

TEST_P(WeightConformanceTest, ExtremeDisadvantagesStayFinite) {
  const Tensor extreme = at::tensor(std::vector<float>{-1e30F, -1e5F, 0.0F, 1e5F, 1e30F});
  EXPECT_TRUE(at::isfinite(Weigh(extreme.unsqueeze(0))).all().item<bool>());
  EXPECT_TRUE(at::isfinite(Weigh(at::full({1, 4}, -1e30F))).all().item<bool>());
  EXPECT_TRUE(at::isfinite(Weigh(at::full({1, 4}, 1e30F))).all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(AllWeights, WeightConformanceTest,
                         ::testing::Combine(::testing::ValuesIn(kWeights),
                                            ::testing::ValuesIn(kScales), ::testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "_" +
                                  std::string(std::get<1>(test.param).name) +
                                  (std::get<2>(test.param) ? "_reversed" : "");
                         });

TEST(HardWeightTest, CountsASampleWhereTheSourceIsBetter) {
  const Tensor xi = at::tensor({-1.0, 0.0, 1e-6, 2.0}).unsqueeze(0);
  EXPECT_TRUE(at::equal(MakeWeight({.kind = WeightKind::kHard})->Weigh(xi),
                        at::tensor({0.0F, 0.0F, 1.0F, 1.0F}).unsqueeze(0).to(xi.dtype())));
  EXPECT_TRUE(at::equal(MakeWeight({.kind = WeightKind::kHard, .reversed = true})->Weigh(xi),
                        at::tensor({1.0F, 0.0F, 0.0F, 0.0F}).unsqueeze(0).to(xi.dtype())));
}

WeightConfig Exponential(DisadvantageScale scale) {
  return {.kind = WeightKind::kExponential, .scale = scale};
}

// exp(alpha xi), Eq. 11 of arXiv:2006.04061, normalised.
TEST(ExponentialWeightTest, IsTheExponentialOfTheDisadvantage) {
  WeightConfig config = Exponential(DisadvantageScale::kNone);
  config.alpha = 2.0;
  const Tensor weights = MakeWeight(config)->Weigh(at::tensor({0.0, 1.0}).unsqueeze(0));
  EXPECT_NEAR(weights[0][0].item<double>(), 2.0 / (1.0 + std::exp(2.0)), 1e-6);
  EXPECT_NEAR(weights[0][1].item<double>(), 2.0 * std::exp(2.0) / (1.0 + std::exp(2.0)), 1e-6);
}

TEST(ExponentialWeightTest, DividesByTheDeviationOfTheBatch) {
  const Tensor weights = MakeWeight(Exponential(DisadvantageScale::kBatchStd))
                             ->Weigh(at::tensor({1.0, 3.0}).view({1, 2}));
  // The deviation is 1: exponents are 1 and 3.
  EXPECT_NEAR((weights[0][1] / weights[0][0]).item<double>(), std::exp(2.0), 1e-4);
}

TEST(ExponentialWeightTest, HasMeanOneForEachMember) {
  for (const auto& scale : kScales) {
    const Tensor means = MakeWeight(Exponential(scale.value))->Weigh(Xi() * 3.0).mean(1);
    EXPECT_TRUE(at::allclose(means, at::ones_like(means)));
  }
}

TEST(ExponentialWeightTest, IsClippedBeforeItIsNormalised) {
  const Tensor weights = MakeWeight(Exponential(DisadvantageScale::kNone))
                             ->Weigh(at::tensor({-50.0, 0.0, 50.0}).unsqueeze(0));
  const double mean = (0.01 + 1.0 + 100.0) / 3.0;
  EXPECT_NEAR(weights[0][0].item<double>(), 0.01 / mean, 1e-6);
  EXPECT_NEAR(weights[0][1].item<double>(), 1.0 / mean, 1e-6);
  EXPECT_NEAR(weights[0][2].item<double>(), 100.0 / mean, 1e-6);
}

TEST(ExponentialWeightTest, WithoutALowerBoundWeightsMayVanishButNotBreak) {
  WeightConfig config = Exponential(DisadvantageScale::kNone);
  config.clip_low = 0.0;
  const Tensor weights = MakeWeight(config)->Weigh(at::full({2, 3}, -1e4F));
  EXPECT_TRUE(at::isfinite(weights).all().item<bool>());
}

TEST(ExponentialWeightTest, AlphaZeroIsUniform) {
  WeightConfig config = Exponential(DisadvantageScale::kBatchStd);
  config.alpha = 0.0;
  EXPECT_TRUE(at::allclose(MakeWeight(config)->Weigh(Xi()), at::ones_like(Xi())));
}

// The released code of the dual method weighs [B, 1] against losses [B]; their product is [B, B],
// whose sum is that of the losses, whatever the weights.
TEST(PublishedFaultsTest, ABroadcastWouldCancelTheWeights) {
  const Tensor weights = MakeWeight({})->Weigh(Xi())[0];  // [B]
  const Tensor losses = Xi()[1].square();                 // [B]
  const double uniform = losses.mean().item<double>();
  const Tensor broadcast = weights.unsqueeze(1) * losses;  // [B, B]
  EXPECT_NEAR(broadcast.mean().item<double>(), uniform, 1e-9);
  EXPECT_GT(std::abs((weights * losses).mean().item<double>() - uniform), 0.01 * uniform);
}

// Its other variant gives the largest weight to the states where the student is already better.
TEST(PublishedFaultsTest, TheSignIsThatOfThePaper) {
  const Tensor xi = at::tensor({-1.0, 1.0}).unsqueeze(0);  // V_peer - V_self
  for (const WeightKind kind : {WeightKind::kHard, WeightKind::kExponential}) {
    const Tensor weights = MakeWeight({.kind = kind})->Weigh(xi);
    EXPECT_GT(weights[0][1].item<double>(), weights[0][0].item<double>());
    const Tensor reversed = MakeWeight({.kind = kind, .reversed = true})->Weigh(xi);
    EXPECT_LT(reversed[0][1].item<double>(), reversed[0][0].item<double>());
  }
}

}  // namespace
}  // namespace duet::distill
