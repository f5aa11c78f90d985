#include "agents/host_loops.h"

#include <limits>

#include "agents/replay_buffer.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

// What `function` gives through ATen.
template <typename Function>
auto ByAten(const Function& function) {
  const AtenOnly aten_only;
  return function();
}

TEST(HostLoopsTest, TakeWhatLiesOnTheHostAndNobodyDifferentiates) {
  Tensor x = at::ones({1, 2, 3});
  EXPECT_TRUE(OnHost(x));
  EXPECT_FALSE(ByAten([&] { return OnHost(x); }));
  EXPECT_TRUE(OnHost(x));
  EXPECT_FALSE(OnHost(x.requires_grad_(true)));
}

TEST(HostLoopsTest, ColumnsJoinAsThroughAten) {
  const Tensor left = RandomTensor({2, 5, 7}, 1), right = RandomTensor({2, 5, 3}, 2);
  // Also of views, whose rows or numbers lie apart.
  for (const Tensor& first : {left, left.narrow(2, 1, 4), left.slice(2, 0, 7, 2),
                              left.narrow(1, 0, 1).expand({2, 5, 7})}) {
    for (const std::int64_t copies : {1, 2, 3}) {
      const auto join = [&] { return JoinColumns(first, right, copies); };
      EXPECT_TRUE(join().equal(ByAten(join)));
    }
  }
}

TEST(HostLoopsTest, FactorsAreThoseOfAten) {
  const Tensor values = RandomTensor({3, 7, 5}, 1);
  for (const Tensor& rows : {values, values.narrow(1, 2, 3), values.transpose(1, 2)}) {
    const Tensor kept = rows.clone();
    EXPECT_TRUE(Scaled(rows, -0.3).equal(rows * -0.3));
    EXPECT_TRUE(rows.equal(kept));
  }
}

TEST(HostLoopsTest, NormsAndScalesOfRowsAreThoseOfAten) {
  const Tensor values = RandomTensor({3, 1003}, 1);
  for (const Tensor& rows : {values, values.slice(0, 0, 3, 2), values.narrow(1, 1, 15)}) {
    const Tensor expected = at::linalg_vector_norm(rows, 2, {1});
    EXPECT_LT(((RowNorms(rows) - expected) / expected).abs().max().item<double>(), 1e-6);
    const Tensor factors = RandomTensor({rows.size(0)}, 2);
    Tensor scaled = rows.clone();
    ScaleRows(scaled, factors);
    EXPECT_TRUE(scaled.equal(rows * factors.unsqueeze(1)));
  }
}

TEST(HostLoopsTest, RowsMoveTowardsOthersAsThroughAten) {
  const Tensor values = RandomTensor({3, 1003}, 1), others = RandomTensor({3, 1003}, 2);
  for (const double share : {0.0, 0.005, 0.5, 0.9, 1.0}) {
    const auto moved = [&](std::int64_t step) {
      Tensor rows = values.clone();
      Tensor some = rows.slice(0, 0, 3, step);
      MoveTowards(some, others.slice(0, 0, 3, step), share);
      return rows;
    };
    for (const std::int64_t step : {1, 2}) {
      const auto move = [&] { return moved(step); };
      EXPECT_LT(LargestDifference(move(), ByAten(move)), 1e-6) << share;
      EXPECT_EQ(move()[1].equal(values[1]), step == 2 || share == 0.0) << share;
    }
    EXPECT_EQ(moved(1).equal(others), share == 1.0) << share;
  }
}

TEST(HostLoopsTest, MeansAndExponentialsAreThoseOfAten) {
  const Tensor values = RandomTensor({3, 250}, 1);
  for (const Tensor& rows : {values, values.narrow(1, 2, 9), values.narrow(1, 0, 3).t()}) {
    const auto means = [&] { return ScaledBatchMeans(rows, -0.7); };
    const auto powers = [&] { return Exp(rows); };
    EXPECT_LT(LargestDifference(means(), ByAten(means)), 1e-6);
    EXPECT_LT(LargestDifference(powers() / ByAten(powers), at::ones_like(rows)), 1e-6);
  }
}

TEST(HostLoopsTest, SumsOverTheBatchAreThoseOfAten) {
  const Tensor values = RandomTensor({3, 250, 21}, 1);
  for (const Tensor& rows : {values, values.narrow(2, 2, 9), values.transpose(1, 2)}) {
    // A view, as the biases' gradients are.
    const Tensor all = at::full({3, 1, 300}, -1.0);
    const Tensor sums = all.narrow(2, 10, rows.size(2));
    SumBatchOut(sums, rows);
    EXPECT_LT(LargestDifference(sums, rows.sum(1, /*keepdim=*/true)), 1e-4);
    EXPECT_EQ(all.eq(-1.0).sum().item<std::int64_t>(), all.numel() - sums.numel());
  }
}

TEST(HostLoopsTest, GradientsPassActivationsAsThroughAten) {
  Tensor output = RandomTensor({2, 9, 11}, 1).clamp_min_(0.0);
  output[0][0][0] = std::numeric_limits<float>::quiet_NaN();
  const Tensor tanh = RandomTensor({2, 9, 11}, 2).tanh();
  const Tensor gradient = RandomTensor({2, 9, 11}, 3);
  const auto relu = [&] {
    Tensor result = gradient.clone();
    ReluBackward(result, output);
    return result;
  };
  const auto through_tanh = [&] {
    Tensor result = gradient.clone();
    TanhBackward(result, tanh);
    return result;
  };
  EXPECT_TRUE(relu().equal(ByAten(relu)));
  EXPECT_EQ(relu()[0][0][0].item<float>(), gradient[0][0][0].item<float>());
  EXPECT_LT(LargestDifference(through_tanh(), ByAten(through_tanh)), 1e-6);
}

TEST(HostLoopsTest, OneNumberThatIsNotFiniteIsFound) {
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (const std::int64_t place : {0, 17, 66}) {
      Tensor values = RandomTensor({67}, 1);
      EXPECT_TRUE(AllFinite(values));
      values[place] = odd;
      EXPECT_FALSE(AllFinite(values)) << odd << " at " << place;
    }
  }
  EXPECT_TRUE(AllFinite(at::full({5}, std::numeric_limits<float>::max())));
}

TEST(HostLoopsTest, BatchesOfAReplayAreThoseOfAten) {
  // More than fits, so that it has wrapped around.
  constexpr std::int64_t kCapacity = 20;
  const auto sampled = [&](std::int64_t n_step) {
    ReplayBuffer replay(2, kCapacity, 3, 2, at::kCPU);
    core::Rng rng(1);
    for (int step = 0; step < 9; ++step) {
      std::vector<float> observations, next, actions;
      std::vector<double> rewards;
      std::vector<std::uint8_t> terminated, truncated;
      for (int i = 0; i < 2 * 3; ++i) {
        for (int k = 0; k < 3; ++k) observations.push_back(static_cast<float>(rng.Normal()));
        for (int k = 0; k < 3; ++k) next.push_back(static_cast<float>(rng.Normal()));
        for (int k = 0; k < 2; ++k) actions.push_back(static_cast<float>(rng.Normal()));
        rewards.push_back(rng.Normal());
        terminated.push_back(rng.Uniform(0.0, 1.0) < 0.3 ? 1 : 0);
        truncated.push_back(rng.Uniform(0.0, 1.0) < 0.3 ? 1 : 0);
      }
      replay.Add({observations, actions, rewards, next, terminated, truncated});
    }
    std::vector<core::Rng> rngs = {core::Rng(5), core::Rng(6)};
    const Batch batch = replay.Sample(rngs, {.batch_size = 64, .n_step = n_step, .gamma = 0.9});
    return at::cat({batch.observations, batch.actions, batch.rewards.unsqueeze(2),
                    batch.next_observations, batch.terminated.unsqueeze(2)},
                   2);
  };
  for (const std::int64_t n_step : {1, 3}) {
    const auto sample = [&] { return sampled(n_step); };
    EXPECT_TRUE(sample().equal(ByAten(sample))) << n_step;
  }
}

TEST(ScratchTest, HandsMemoryOutAgainOnlyWhenNobodyHasIt) {
  const Tensor like = at::ones({1});
  Scratch scratch;
  const void* first = nullptr;
  Tensor kept, view;
  for (int round = 0; round < 4; ++round) {
    const Scratch::Scope scope(scratch);
    const Tensor a = EmptyLike(like, {2, 3});
    const Tensor b = EmptyLike(like, {2, 3});
    EXPECT_NE(a.const_data_ptr(), b.const_data_ptr());
    if (round == 0) first = a.const_data_ptr();
    if (round == 1) {
      EXPECT_EQ(a.const_data_ptr(), first);
      a.fill_(7.0);
      b.fill_(8.0);
      kept = a;
      view = b[1];
    } else if (round > 1) {
      a.fill_(0.0);
      b.fill_(0.0);
    }
  }
  EXPECT_TRUE(kept.eq(7.0).all().item<bool>());
  EXPECT_TRUE(view.eq(8.0).all().item<bool>());
}

TEST(ScratchTest, GivesTheSizesAndTypesThatAreAskedFor) {
  Scratch scratch;
  for (const std::int64_t size : {3, 5, 5}) {
    const Scratch::Scope scope(scratch);
    EXPECT_EQ(EmptyLike(at::ones({1}), {size, 2}).sizes(), (at::IntArrayRef{size, 2}));
    EXPECT_EQ(EmptyLike(at::ones({1}, at::kDouble), {size}).scalar_type(), at::kDouble);
    Scratch other;
    {
      const Scratch::Scope inner(other);
      EmptyLike(at::ones({1}), {1});
    }
    EXPECT_EQ(EmptyLike(at::ones({1}), {size, 4}).sizes(), (at::IntArrayRef{size, 4}));
  }
}

}  // namespace
}  // namespace duet::agents
