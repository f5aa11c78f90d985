// The gradients that are written out, beside autograd's of the published losses.
#include "agents/ppo_objective.h"

#include "tests/agents/support.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kBatch = 40;
constexpr std::int64_t kWidth = 3;  // numbers of an action, or actions

std::span<const float> Span(const Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}
std::span<float> MutableSpan(Tensor& tensor) {
  return {tensor.mutable_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

class PpoObjectiveTest : public testing::TestWithParam<bool> {
 protected:
  bool discrete() const { return GetParam(); }

  // [B, A + 4]; log-probabilities near those of the policy, so that some ratios are in range.
  Tensor Samples() const {
    const Tensor actions = discrete() ? at::arange(kBatch).remainder(kWidth).view({kBatch, 1})
                                      : RandomTensor({kBatch, kWidth}, 1);
    const Tensor log_probs =
        LogProbs(outputs_, log_std_, actions) + 0.3 * RandomTensor({kBatch}, 2);
    return at::cat({actions.to(at::kFloat), log_probs.detach().unsqueeze(1),
                    RandomTensor({kBatch, 3}, 3)},
                   1)
        .contiguous();
  }

  Tensor LogProbs(const Tensor& outputs, const Tensor& log_std, const Tensor& actions) const {
    if (discrete()) return outputs.log_softmax(1).gather(1, actions.to(at::kLong)).squeeze(1);
    const Tensor z = (actions - outputs) / log_std.exp();
    return (-0.5 * z.square() - log_std - 0.5 * std::log(2.0 * M_PI)).sum(1);
  }

  Tensor Entropy(const Tensor& outputs, const Tensor& log_std) const {
    if (!discrete()) return (log_std + 0.5 * std::log(2.0 * M_PI * M_E)).sum();
    return -(outputs.softmax(1) * outputs.log_softmax(1)).sum(1).mean();
  }

  // Eq. 9 of arXiv:1707.06347 as a loss.
  Tensor Loss(const PpoObjectiveConfig& config, const Tensor& samples) const {
    const std::int64_t a = samples.size(1) - PpoSamples::kColumns;
    const Tensor ratio =
        (LogProbs(outputs_, log_std_, samples.narrow(1, 0, a)) - samples.select(1, a)).exp();
    Tensor advantages = samples.select(1, a + 1);
    if (config.normalize_advantages) {
      advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8);
    }
    const Tensor clipped = ratio.clamp(1.0 - config.clip_range, 1.0 + config.clip_range);
    const Tensor surrogate = at::max(-advantages * ratio, -advantages * clipped).mean();
    const Tensor targets = samples.select(1, a + 2);
    Tensor value_losses = (values_ - targets).square();
    if (config.value_clip_range > 0.0) {
      const Tensor old = samples.select(1, a + 3);
      const double range = config.value_clip_range;
      value_losses =
          at::max(value_losses, (old + (values_ - old).clamp(-range, range) - targets).square());
    }
    return surrogate + config.value_coef * value_losses.mean() -
           config.entropy_coef * Entropy(outputs_, log_std_);
  }

  PpoLosses Differentiate(const PpoObjectiveConfig& config, const Tensor& samples) {
    const PpoSamples given{.rows = Span(samples), .action_size = discrete() ? 1 : kWidth};
    PpoLosses losses;
    DifferentiateValues(config, given, Span(values_), MutableSpan(by_value_), losses);
    if (discrete()) {
      DifferentiateCategorical(config, given, Span(outputs_), MutableSpan(by_output_), losses);
    } else {
      DifferentiateGaussian(config, given, Span(outputs_), Span(log_std_), MutableSpan(by_output_),
                            MutableSpan(by_log_std_), losses);
    }
    return losses;
  }

  Tensor outputs_ = RandomTensor({kBatch, kWidth}, 4).requires_grad_(true);
  Tensor log_std_ = (0.3 * RandomTensor({kWidth}, 5)).detach().requires_grad_(true);
  Tensor values_ = RandomTensor({kBatch}, 6).requires_grad_(true);
  Tensor by_output_ = at::empty({kBatch, kWidth});
  Tensor by_log_std_ = at::zeros({kWidth});
  Tensor by_value_ = at::empty({kBatch});
};

INSTANTIATE_TEST_SUITE_P(Actions, PpoObjectiveTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Discrete" : "Continuous"; });

TEST_P(PpoObjectiveTest, GradientsAreAutogradsOfThePublishedLoss) {
  const Tensor samples = Samples();
  for (const bool everything : {false, true}) {
    const PpoObjectiveConfig config{.value_clip_range = everything ? 0.5 : 0.0,
                                    .value_coef = 0.7,
                                    .entropy_coef = everything ? 0.1 : 0.0,
                                    .normalize_advantages = everything};
    const PpoLosses losses = Differentiate(config, samples);
    EXPECT_GT(losses.clip_fraction, 0.1);
    EXPECT_LT(losses.clip_fraction, 0.9);
    const Tensor loss = Loss(config, samples);
    EXPECT_NEAR(losses.Total(config), loss.item<double>(), 1e-5);
    for (const Tensor& leaf : {outputs_, log_std_, values_}) leaf.mutable_grad() = Tensor();
    loss.backward();
    EXPECT_LT(LargestDifference(by_output_, outputs_.grad()), 1e-6);
    EXPECT_LT(LargestDifference(by_value_, values_.grad()), 1e-6);
    if (discrete()) continue;
    EXPECT_NEAR(losses.std, log_std_.exp().mean().item<double>(), 1e-6);
    EXPECT_LT(LargestDifference(by_log_std_, log_std_.grad()), 1e-5);
  }
}

TEST_P(PpoObjectiveTest, MeasuresTheDistanceOfTheOldAndThePresentPolicy) {
  const Tensor samples = Samples();
  const PpoLosses losses = Differentiate({}, samples);
  const std::int64_t a = samples.size(1) - PpoSamples::kColumns;
  const Tensor log_ratio =
      LogProbs(outputs_, log_std_, samples.narrow(1, 0, a)) - samples.select(1, a);
  EXPECT_NEAR(losses.approx_kl, (log_ratio.exp() - 1.0 - log_ratio).mean().item<double>(), 1e-6);
  EXPECT_NEAR(losses.clip_fraction,
              ((log_ratio.exp() - 1.0).abs() > 0.2).to(at::kFloat).mean().item<double>(), 1e-6);
}

}  // namespace
}  // namespace duet::agents
