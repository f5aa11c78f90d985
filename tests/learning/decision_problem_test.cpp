// A decision problem whose values are known exactly: which actions a student takes over from its
// peer, and what they are worth.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "distill/distiller.h"
#include "tests/support/table_agent.h"

namespace duet::distill {
namespace {

using support::TableAgent;

constexpr std::int64_t kStates = 8;
constexpr double kGamma = 0.9;

// States on a ring. An action is in [-1, 1]; its sign leads to one neighbour or the other, and the
// reward is the less the farther it is from the state's best action.
double Reward(std::int64_t state, double action) {
  const double best = std::sin(2.0 * static_cast<double>(state) + 1.0);
  return 1.0 - (action - best) * (action - best) + (state == 3 ? 2.0 : 0.0);
}
std::int64_t Next(std::int64_t state, double action) {
  return (state + (action > 0.0 ? 1 : kStates - 1)) % kStates;
}

// The exact values of a policy, by iteration to the fixed point of V(s) = r(s, pi(s)) + gamma
// V(s').
std::vector<double> TrueValues(const std::vector<double>& policy) {
  std::vector<double> values(kStates, 0.0);
  for (int sweep = 0; sweep < 600; ++sweep) {
    std::vector<double> next(kStates);
    for (std::int64_t s = 0; s < kStates; ++s) {
      const double action = policy[static_cast<std::size_t>(s)];
      next[static_cast<std::size_t>(s)] =
          Reward(s, action) + kGamma * values[static_cast<std::size_t>(Next(s, action))];
    }
    values = next;
  }
  return values;
}

const std::vector<double> kSelf = {0.7, -0.6, 0.5, 0.3, -0.8, -0.2, 0.4, -0.5};
const std::vector<double> kPeer = {0.2, 0.4, -0.9, -0.4, -0.6, -0.9, -0.3, 0.9};

Tensor AsTable(const std::vector<double>& numbers) {
  return at::tensor(numbers, at::kFloat).view({1, kStates, 1});
}
Tensor AsValues(const std::vector<double>& policy) {
  return at::tensor(TrueValues(policy), at::kFloat).unsqueeze(0);
}

std::vector<double> AsNumbers(const Tensor& table) {
  const Tensor flat = table.reshape({-1}).to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

bool PeerIsBetter(std::size_t state) {
  static const std::vector<double> self = TrueValues(kSelf), peer = TrueValues(kPeer);
  return peer[state] > self[state];
}

DistillConfig Config(WeightKind kind, bool reversed = false) {
  DistillConfig config;
  config.recent = 0;
  config.batch_size = 64;
  config.learning_rate = 0.02;
  config.weight.kind = kind;
  config.weight.reversed = reversed;
  config.schedule.final_coefficient = 0.0;
  return config;
}

void Distill(Distiller& distiller) {
  constexpr int kSteps = 500;
  for (int i = 0; i < kSteps; ++i) {
    distiller.Step(*distiller.Prepare(static_cast<double>(i) / kSteps));
  }
}

// What becomes of `kSelf` when it learns from the fixed `kPeer` on the peer's states.
std::vector<double> Learn(const DistillConfig& config) {
  const auto peer = std::make_shared<TableAgent>(AsTable(kPeer), AsValues(kPeer));
  peer->VisitAllStates();
  TableAgent self(AsTable(kSelf), AsValues(kSelf));
  Distiller distiller(config, MakeTeacherReplay(peer, 0), self);
  Distill(distiller);
  return AsNumbers(self.policy().table());
}

void ExpectCopiedExactlyWhere(const std::vector<double>& learnt, auto copied) {
  for (std::size_t s = 0; s < kStates; ++s) {
    if (copied(s)) {
      EXPECT_NEAR(learnt[s], kPeer[s], 1e-3) << s;
    } else {
      EXPECT_EQ(learnt[s], static_cast<double>(static_cast<float>(kSelf[s]))) << s;
    }
  }
}

TEST(DecisionProblemTest, EachIsBetterSomewhere) {
  int better = 0;
  for (std::size_t s = 0; s < kStates; ++s) better += PeerIsBetter(s) ? 1 : 0;
  EXPECT_GE(better, 2);
  EXPECT_LE(better, kStates - 2);
}

TEST(DecisionProblemTest, TheHardRuleCopiesThePeerExactlyWhereThePeerIsBetter) {
  ExpectCopiedExactlyWhere(Learn(Config(WeightKind::kHard)), PeerIsBetter);
}

TEST(DecisionProblemTest, ReversedItCopiesThePeerExactlyWhereThePeerIsWorse) {
  ExpectCopiedExactlyWhere(Learn(Config(WeightKind::kHard, /*reversed=*/true)),
                           [](std::size_t s) { return !PeerIsBetter(s); });
}

TEST(DecisionProblemTest, WithoutWeightsItCopiesThePeerEverywhere) {
  ExpectCopiedExactlyWhere(Learn(Config(WeightKind::kUniform)), [](std::size_t) { return true; });
}

// Every state pulls, those where the peer is better with more than the uniform strength.
TEST(DecisionProblemTest, TheExponentialRuleIsInBetween) {
  const auto pull = [](WeightKind kind) {
    const auto peer = std::make_shared<TableAgent>(AsTable(kPeer), AsValues(kPeer));
    peer->VisitAllStates();
    TableAgent self(AsTable(kSelf), AsValues(kSelf));
    DistillConfig config = Config(kind);
    config.batch_size = 4096;
    Distiller distiller(config, MakeTeacherReplay(peer, 0), self);
    distiller.Step(*distiller.Prepare(0.0));
    return self.policy().gradients().abs().clone();
  };
  const std::vector<double> uniform = AsNumbers(pull(WeightKind::kUniform));
  const std::vector<double> exponential = AsNumbers(pull(WeightKind::kExponential));
  std::array<double, 2> least = {1e9, 1e9}, most = {0.0, 0.0};
  for (std::size_t s = 0; s < kStates; ++s) {
    const double share = exponential[s] / uniform[s];
    EXPECT_GT(share, 0.0);
    const std::size_t better = PeerIsBetter(s) ? 1 : 0;
    least[better] = std::min(least[better], share);
    most[better] = std::max(most[better], share);
  }
  EXPECT_GT(least[1], most[0]);
  EXPECT_LT(least[0], 1.0);
  EXPECT_GT(most[1], 1.0);
}

// Proposition 1 of arXiv:2006.04061: the hybrid is at least as good as both everywhere.
TEST(DecisionProblemTest, APairBecomesTheHybridThatIsAtLeastAsGoodAsBothEverywhere) {
  TableAgent pair(at::cat({AsTable(kSelf), AsTable(kPeer)}),
                  at::cat({AsValues(kSelf), AsValues(kPeer)}));
  pair.VisitAllStates();
  Distiller distiller(Config(WeightKind::kHard), MakePeerReplay(pair, {1, 0}, 0), pair);
  Distill(distiller);
  const std::vector<double> self = TrueValues(kSelf), peer = TrueValues(kPeer);
  for (const std::int64_t member : {0, 1}) {
    const std::vector<double> hybrid = AsNumbers(pair.policy().table()[member]);
    for (std::size_t s = 0; s < kStates; ++s) {
      EXPECT_NEAR(hybrid[s], PeerIsBetter(s) ? kPeer[s] : kSelf[s], 1e-3) << s;
    }
    const std::vector<double> values = TrueValues(hybrid);
    bool improves = false;
    for (std::size_t s = 0; s < kStates; ++s) {
      const double best = std::max(self[s], peer[s]);
      EXPECT_GE(values[s], best - 0.02) << s;  // actions are within 1e-3
      improves = improves || values[s] > best + 0.1;
    }
    EXPECT_TRUE(improves);
  }
}

// The ablation has no such guarantee, and here it does harm.
TEST(DecisionProblemTest, TheReversedHybridIsWorseSomewhere) {
  const std::vector<double> values =
      TrueValues(Learn(Config(WeightKind::kHard, /*reversed=*/true)));
  const std::vector<double> self = TrueValues(kSelf);
  bool worse = false;
  for (std::size_t s = 0; s < kStates; ++s) worse = worse || values[s] < self[s] - 0.1;
  EXPECT_TRUE(worse);
}

}  // namespace
}  // namespace duet::distill
