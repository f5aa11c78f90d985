#include "agents/tanh_gaussian.h"

#include <ATen/core/grad_mode.h>

#include <cmath>

#include "tests/agents/support.h"

namespace duet::agents {
namespace {

class TanhGaussianTest : public testing::TestWithParam<LogStdBounds> {};

INSTANTIATE_TEST_SUITE_P(Bounds, TanhGaussianTest,
                         testing::Values(LogStdBounds::kClamp, LogStdBounds::kRescale),
                         [](const auto& info) {
                           return info.param == LogStdBounds::kClamp ? "Clamp" : "Rescale";
                         });

TEST_P(TanhGaussianTest, WrittenOutGradientsAreThoseOfAutograd) {
  // Wide enough that some log standard deviations lie beyond their bounds.
  const Tensor output = (2.0 * RandomTensor({2, 50, 6}, 1)).requires_grad_(true);
  const Tensor noise = RandomTensor({2, 50, 3}, 2);
  const Tensor by_action = RandomTensor({2, 50, 3}, 3);
  const Tensor by_log_prob = RandomTensor({2, 1, 1}, 4);
  const auto sample = SampleTanhGaussian(ReadTanhGaussian(output, GetParam()), noise);
  ((sample.actions * by_action).sum() + (sample.log_probs.unsqueeze(2) * by_log_prob).sum())
      .backward();
  const at::NoGradGuard no_grad;
  const TanhGaussian distribution = ReadTanhGaussian(output, GetParam());
  const Tensor gradient =
      TanhGaussianGradient(output, GetParam(), distribution, noise,
                           SampleTanhGaussian(distribution, noise), by_action, by_log_prob);
  const Tensor expected = output.grad();
  EXPECT_LT(((gradient - expected).abs() / (1.0 + expected.abs())).max().item<double>(), 1e-5);
}

TEST_P(TanhGaussianTest, LogStandardDeviationsStayWithinTheirBounds) {
  const auto log_std = [&](double raw) {
    return ReadTanhGaussian(at::full({1, 1, 2}, raw), GetParam()).log_std.item<double>();
  };
  const bool clamp = GetParam() == LogStdBounds::kClamp;
  EXPECT_NEAR(log_std(-100.0), clamp ? -20.0 : -5.0, 1e-6);
  EXPECT_NEAR(log_std(100.0), 2.0, 1e-6);
  EXPECT_NEAR(log_std(0.5), clamp ? 0.5 : -1.5 + 3.5 * std::tanh(0.5), 1e-6);
}

TEST(TanhGaussianTest, ProbabilitiesOfActionsSumToOne) {
  // The density over actions in (-1, 1), integrated over the Gaussian's own numbers.
  const TanhGaussian distribution{at::full({1, 1, 1}, 0.4), at::full({1, 1, 1}, -0.3)};
  const Tensor x = at::linspace(-6.0, 6.0, 4001, at::kDouble);
  const Tensor noise = ((x - 0.4) * std::exp(0.3)).view({1, 4001, 1}).to(at::kFloat);
  const auto sample = SampleTanhGaussian(
      {distribution.location.expand({1, 4001, 1}), distribution.log_std.expand({1, 4001, 1})},
      noise);
  const Tensor density = sample.log_probs.flatten().to(at::kDouble).exp();
  const double total = at::trapezoid(density, x.tanh()).item<double>();
  EXPECT_NEAR(total, 1.0, 1e-4);
}

TEST(TanhGaussianTest, FarOutActionsHaveFiniteProbabilities) {
  for (const double x : {-40.0, -12.0, 12.0, 40.0}) {
    const double slope = LogTanhSlope(at::tensor({x}, at::kFloat)).item<double>();
    EXPECT_NEAR(slope, 2.0 * (std::log(2.0) - std::abs(x)), 1e-4);  // 4 exp(-2|x|)
  }
}

}  // namespace
}  // namespace duet::agents
