// Against the same in double precision, operation by operation.
#include "distill/tasks/networks/map_kernels.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <tuple>

#include "tests/distill/tasks/networks/networks.h"

namespace duet::tasks {
namespace {

Tensor Random(at::IntArrayRef shape, std::uint64_t seed) {
  std::vector<core::Rng> rngs(1, core::Rng(seed));
  return agents::DrawNormal(rngs, shape, at::kCPU);
}

// Maps as rows, [B, H, W, D], which is how channels-last ones lie in memory.
class MapKernels : public testing::TestWithParam<MapSize> {
 protected:
  const MapSize size_ = GetParam();
  const Tensor map_ = Maps(1) * 0.5 + 30.0;  // a mean that would cost float sums their digits
  const Tensor factor_ = Random({size_.channels}, 2), shift_ = Random({size_.channels}, 3) * 20.0;

  Tensor Maps(std::uint64_t seed, std::int64_t divisor = 1) const {
    return Random({size_.images, size_.height / divisor, size_.width / divisor, size_.channels},
                  seed);
  }
  static const float* In(const Tensor& t) { return t.const_data_ptr<float>(); }
  static float* Out(Tensor& t) { return t.mutable_data_ptr<float>(); }
  static Tensor Double(const Tensor& t) { return t.to(at::kDouble); }
  static void ExpectNear(const Tensor& found, const Tensor& expected, double tolerance) {
    const double size = 1.0 + expected.abs().max().item<double>();
    EXPECT_LT(LargestDifference(found, expected), tolerance * size);
  }
  bool even() const { return size_.height % 2 == 0 && size_.width % 2 == 0; }

  Tensor Expected(const Tensor& other = {}) const {
    const Tensor scaled = Double(map_) * Double(factor_) + Double(shift_);
    return other.defined() ? scaled + Double(other) : scaled;
  }
  // [B, H/2, W/2, D] and which pixel it was.
  std::tuple<Tensor, Tensor> Pooled() const {
    const Tensor x =
        Expected().view({size_.images, size_.height / 2, 2, size_.width / 2, 2, size_.channels});
    return x.permute({0, 1, 3, 5, 2, 4}).flatten(4).max(4);
  }
};

TEST_P(MapKernels, MomentsOfEachChannel) {
  Tensor mean = at::empty({size_.channels}), variance = at::empty({size_.channels});
  ChannelMoments(In(map_), size_, Out(mean), Out(variance));
  ExpectNear(mean, Double(map_).mean({0, 1, 2}), 1e-6);
  ExpectNear(variance, Double(map_).var(at::IntArrayRef{0, 1, 2}, /*correction=*/0), 1e-5);
}

TEST_P(MapKernels, ScalesAddsAndCuts) {
  const Tensor other = Maps(4);
  Tensor out = at::empty_like(map_);
  ScaleMap(In(map_), size_, In(factor_), In(shift_), nullptr, false, Out(out));
  ExpectNear(out, Expected(), 1e-6);
  ScaleMap(In(map_), size_, In(factor_), In(shift_), nullptr, true, Out(out));
  ExpectNear(out, Expected().relu(), 1e-6);
  ScaleMap(In(map_), size_, In(factor_), In(shift_), In(other), true, Out(out));
  ExpectNear(out, Expected(other).relu(), 1e-6);
}

TEST_P(MapKernels, SumsAndCombinesGradients) {
  const Tensor gradient = Maps(5), output = Maps(6).relu(), mean = Random({size_.channels}, 7);
  const Tensor b = Random({size_.channels}, 8), c = Random({size_.channels}, 9);
  for (const bool masks : {false, true}) {
    const Tensor inner = masks ? Double(gradient) * (output > 0) : Double(gradient);
    Tensor sum = at::empty_like(mean), product = at::empty_like(mean);
    Tensor masked = at::zeros_like(map_), by_map = at::empty_like(map_);
    SumGradients(In(gradient), In(map_), size_, In(mean), masks ? In(output) : nullptr,
                 masks ? Out(masked) : nullptr, Out(sum), Out(product));
    ExpectNear(sum, inner.sum({0, 1, 2}), 1e-5);
    ExpectNear(product, (inner * (Double(map_) - mean)).sum({0, 1, 2}), 1e-5);
    if (masks) ExpectNear(masked, inner, 1e-7);
    CombineGradients(In(gradient), In(map_), size_, masks ? In(output) : nullptr, In(factor_),
                     In(b), In(c), Out(by_map));
    ExpectNear(by_map, inner * factor_ + Double(map_) * b + c, 1e-6);
  }
}

TEST_P(MapKernels, PoolsAndGoesBack) {
  if (!even()) GTEST_SKIP() << "odd maps are not pooled by these kernels";
  const auto [largest, place] = Pooled();
  Tensor output = at::empty(largest.sizes());
  const Tensor winner = at::empty(largest.sizes(), at::kInt);
  ScaleAndPoolMap(In(map_), size_, In(factor_), In(shift_), Out(output),
                  winner.mutable_data_ptr<std::int32_t>());
  ExpectNear(output, largest.relu(), 1e-6);
  EXPECT_TRUE(winner.equal(at::where(largest > 0, place, at::full_like(place, 4)).to(at::kInt)));

  const Tensor gradient = Maps(5, 2), mean = Random({size_.channels}, 7);
  const Tensor b = Random({size_.channels}, 8), c = Random({size_.channels}, 9);
  const Tensor at_pixels = at::one_hot(winner.to(at::kLong), 5).narrow(-1, 0, 4);
  const Tensor inner = (Double(gradient).unsqueeze(-1) * at_pixels)
                           .unflatten(-1, {2, 2})
                           .permute({0, 1, 4, 2, 5, 3})
                           .reshape(map_.sizes());
  Tensor sum = at::empty_like(mean), product = at::empty_like(mean);
  Tensor by_map = at::empty_like(map_);
  SumPooledGradients(In(gradient), In(map_), size_, In(mean), winner.const_data_ptr<std::int32_t>(),
                     Out(sum), Out(product));
  ExpectNear(sum, inner.sum({0, 1, 2}), 1e-5);
  ExpectNear(product, (inner * (Double(map_) - mean)).sum({0, 1, 2}), 1e-5);
  CombinePooledGradients(In(gradient), In(map_), size_, winner.const_data_ptr<std::int32_t>(),
                         In(factor_), In(b), In(c), Out(by_map));
  ExpectNear(by_map, inner * factor_ + Double(map_) * b + c, 1e-6);
}

TEST_P(MapKernels, DoNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  std::vector<Tensor> found;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    Tensor mean = at::empty({2, size_.channels});
    ChannelMoments(In(map_), size_, Out(mean), Out(mean) + size_.channels);
    found.push_back(mean);
  }
  at::set_num_threads(before);
  EXPECT_TRUE(found[1].equal(found[0]));
  EXPECT_TRUE(found[2].equal(found[0]));
}

INSTANTIATE_TEST_SUITE_P(Sizes, MapKernels,
                         testing::Values(MapSize{1, 2, 2, 8}, MapSize{3, 5, 7, 16},
                                         MapSize{16, 16, 16, 16}, MapSize{5, 6, 10, 24},
                                         MapSize{7, 8, 8, 64}, MapSize{2, 4, 4, 256}),
                         [](const auto& test) {
                           const MapSize& s = test.param;
                           return std::to_string(s.images) + "x" + std::to_string(s.height) + "x" +
                                  std::to_string(s.width) + "x" + std::to_string(s.channels);
                         });

}  // namespace
}  // namespace duet::tasks
