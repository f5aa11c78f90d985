#include "agents/batch_renorm_mlp.h"

#include <gmock/gmock.h>

#include <limits>

#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr BatchRenormConfig kWarm = {
    .momentum = 0.9, .epsilon = 1e-2, .r_max = 1.2, .d_max = 0.3, .warmup_steps = 0};

// With parameters and statistics of no special form.
BatchRenormMlp MakeNetwork(const MlpShape& shape, const BatchRenormConfig& config = kWarm) {
  BatchRenormMlp network(shape, config, at::kCPU);
  network.parameters().copy_(RandomTensor(network.parameters().sizes(), 1) * 0.3);
  Tensor statistics = network.statistics();
  const std::int64_t inputs = (statistics.size(1) - 1) / 2;
  statistics.narrow(1, 0, inputs).copy_(RandomTensor({shape.members, inputs}, 4) * 0.3);
  statistics.narrow(1, inputs, inputs).copy_(RandomTensor({shape.members, inputs}, 5).exp());
  return network;
}

// The formulas in double precision, differentiated by autograd.
struct Autograd {
  std::vector<Tensor> leaves;  // layers' weights and biases in turn, scales, shifts
  Tensor input, output;
  std::vector<Tensor> batch_means, batch_variances;

  Autograd(const BatchRenormMlp& network, const Tensor& x, const BatchRenormConfig& config,
           bool training)
      : input(x.to(at::kDouble).requires_grad_(true)) {
    const std::int64_t layers = network.num_layers();
    const auto leaf = [&](const Tensor& tensor) {
      leaves.push_back(tensor.to(at::kDouble).requires_grad_(true));
    };
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      leaf(network.weight(layer));
      leaf(network.bias(layer));
    }
    for (std::int64_t layer = 0; layer < layers; ++layer) leaf(network.scale(layer));
    for (std::int64_t layer = 0; layer < layers; ++layer) leaf(network.shift(layer));

    const Tensor statistics = network.statistics().to(at::kDouble).unsqueeze(1);
    const std::int64_t inputs = (statistics.size(2) - 1) / 2;
    const bool warm =
        statistics.select(2, 2 * inputs).min().item<double>() >= double(config.warmup_steps);
    std::int64_t offset = 0;
    output = input;
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      const std::int64_t width = output.size(2);
      const Tensor running_mean = statistics.narrow(2, offset, width);
      const Tensor running_deviation =
          (statistics.narrow(2, inputs + offset, width) + config.epsilon).sqrt();
      offset += width;
      Tensor normalized = (output - running_mean) / running_deviation;
      if (training) {
        const Tensor mean = output.mean(1, true);
        const Tensor variance = output.var(1, /*unbiased=*/false, true);
        const Tensor deviation = (variance + config.epsilon).sqrt();
        batch_means.push_back(mean.detach());
        batch_variances.push_back(variance.detach());
        normalized = (output - mean) / deviation;
        if (warm) {
          const Tensor r =
              (deviation / running_deviation).detach().clamp(1 / config.r_max, config.r_max);
          const Tensor d = ((mean - running_mean) / running_deviation)
                               .detach()
                               .clamp(-config.d_max, config.d_max);
          normalized = normalized * r + d;
        }
      }
      const auto at = static_cast<std::size_t>(layer);
      const auto count = static_cast<std::size_t>(layers);
      const Tensor scaled = normalized * leaves[2 * count + at].transpose(1, 2) +
                            leaves[3 * count + at].transpose(1, 2);
      output = scaled.matmul(leaves[2 * at]) + leaves[2 * at + 1];
      if (layer + 1 < layers) output = output.relu();
    }
  }

  Tensor Gradient(const Tensor& by_output) {
    (output * by_output).sum().backward();
    std::vector<Tensor> gradients;
    for (const Tensor& leaf : leaves) gradients.push_back(leaf.grad().flatten(1));
    return at::cat(gradients, 1);
  }
};

struct Case {
  std::string name;
  MlpShape shape;
  std::int64_t batch = 11;
  BatchRenormConfig config = kWarm;
};

class BatchRenormMlpCaseTest : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    Cases, BatchRenormMlpCaseTest,
    testing::Values(Case{"TwoLayers", {3, 4, {8, 6}, 2}}, Case{"OneMember", {1, 5, {7}, 1}},
                    Case{"NoHiddenLayer", {2, 4, {}, 2}},
                    Case{"WarmingUp",
                         {3, 4, {8, 6}, 2},
                         11,
                         {.momentum = 0.9, .epsilon = 1e-2, .warmup_steps = 1}},
                    Case{"WithinItsBounds", {3, 4, {8, 6}, 2}, 64, {.warmup_steps = 0}},
                    Case{"Wide", {2, 23, {256, 256}, 6}, 128}),
    [](const auto& info) { return info.param.name; });

TEST_P(BatchRenormMlpCaseTest, OutputsAndGradientsEqualAutogradInBothModes) {
  const auto& [name, shape, batch, config] = GetParam();
  BatchRenormMlp network = MakeNetwork(shape, config);
  const Tensor input = RandomTensor({shape.members, batch, shape.input}, 2) * 0.7 + 0.4;
  const Tensor by_output = RandomTensor({shape.members, batch, shape.output}, 3) / batch;
  for (const bool training : {false, true}) {
    Autograd expected(network, input, config, training);
    BatchRenormMlp::Tape tape;
    const Tensor output =
        training ? network.ForwardTraining(input, tape) : network.Forward(input, tape);
    EXPECT_EQ(tape.training(), training);
    EXPECT_LT(LargestDifference(output, expected.output.detach()), 2e-5) << training;
    network.Backward(tape, by_output);
    EXPECT_LT(LargestDifference(network.gradients(), expected.Gradient(by_output)), 2e-5)
        << training;
    if (training) continue;
    EXPECT_LT(LargestDifference(network.Forward(input), output), 2e-5);
    const std::int64_t count = shape.input - 1;
    const Tensor by_input = network.InputGradient(tape, by_output, 1, count);
    EXPECT_LT(LargestDifference(by_input, expected.input.grad().narrow(2, 1, count)), 1e-5);
    EXPECT_LT(LargestDifference(network.InputGradient(tape, WithDeadSamples(by_output), 1, count),
                                WithDeadSamples(by_input)),
              1e-5);
  }
}

TEST(BatchRenormMlpTest, OnlyUpdateStatisticsMovesThemByTheBatchsBiasedMoments) {
  BatchRenormMlp network = MakeNetwork({2, 3, {5}, 1});
  const Tensor before = network.statistics().clone();
  const Tensor input = RandomTensor({2, 16, 3}, 2);
  BatchRenormMlp::Tape tape;
  network.Forward(input);
  network.Forward(input, tape);
  network.Backward(tape, at::ones({2, 16, 1}));
  network.ForwardTraining(input, tape);
  network.Backward(tape, at::ones({2, 16, 1}));
  EXPECT_TRUE(network.statistics().equal(before));
  const Autograd expected(network, input, kWarm, /*training=*/true);
  network.UpdateStatistics(tape);
  std::vector<Tensor> moments = expected.batch_means;
  moments.insert(moments.end(), expected.batch_variances.begin(), expected.batch_variances.end());
  const Tensor batch = at::cat(moments, 2).squeeze(1);
  EXPECT_LT(LargestDifference(network.statistics().narrow(1, 0, 16),
                              before.narrow(1, 0, 16) * 0.9 + batch * 0.1),
            1e-6);
  EXPECT_TRUE(network.statistics().select(1, 16).eq(before.select(1, 16) + 1).all().item<bool>());
}

TEST(BatchRenormMlpTest, NumbersThatAreNotFiniteDoNotEnterTheStatistics) {
  BatchRenormMlp network = MakeNetwork({2, 3, {5}, 1});
  const Tensor before = network.statistics().clone();
  Tensor input = RandomTensor({2, 16, 3}, 2);
  input[1][4][0] = std::numeric_limits<float>::quiet_NaN();
  BatchRenormMlp::Tape tape;
  network.ForwardTraining(input, tape);
  network.UpdateStatistics(tape);
  EXPECT_TRUE(network.statistics().isfinite().all().item<bool>());
  EXPECT_TRUE(network.statistics()[0].ne(before[0]).all().item<bool>());
  EXPECT_EQ(network.statistics()[1][0].item<float>(), before[1][0].item<float>());
}

TEST(BatchRenormMlpTest, AMemberDoesNotDependOnTheOthers) {
  BatchRenormMlp network = MakeNetwork({3, 3, {8, 6}, 2});
  Tensor input = RandomTensor({3, 11, 3}, 2);
  const Tensor by_output = RandomTensor({3, 11, 2}, 3);
  const auto learn = [&] {
    BatchRenormMlp copy = MakeNetwork({3, 3, {8, 6}, 2});
    BatchRenormMlp::Tape tape;
    copy.ForwardTraining(input, tape);
    copy.Backward(tape, by_output);
    copy.UpdateStatistics(tape);
    return at::cat({copy.gradients(), copy.statistics()}, 1);
  };
  const Tensor before = learn();
  input[2].mul_(2.0);
  const Tensor after = learn();
  EXPECT_TRUE(before[0].equal(after[0]));
  EXPECT_TRUE(before[1].equal(after[1]));
  EXPECT_FALSE(before[2].equal(after[2]));
}

TEST(BatchRenormMlpTest, RowsWarmUpByTheirOwnCount) {
  const BatchRenormConfig config = {.warmup_steps = 5};
  BatchRenormMlp network = MakeNetwork({2, 3, {5}, 1}, config);
  Tensor(network.statistics()).select(1, 16)[1] = 5.0;
  const Tensor input = RandomTensor({1, 16, 3}, 2).expand({2, 16, 3}).contiguous();
  BatchRenormMlp::Tape tape;
  network.ForwardTraining(input, tape);
  const Tensor means = tape.normalizations[0].output.mean(1);
  EXPECT_LT(means[0].abs().max().item<double>(), 1e-6);
  EXPECT_GT(means[1].abs().min().item<double>(), 1e-2);
}

TEST(BatchRenormMlpTest, WithoutNormalisationItIsAPlainMlp) {
  const MlpShape shape = {2, 3, {8, 6}, 2};
  BatchRenormMlp network(shape, {.enabled = false}, at::kCPU);
  Mlp plain(shape, at::kCPU);
  plain.parameters().copy_(RandomTensor(plain.parameters().sizes(), 1));
  ASSERT_EQ(network.parameters().sizes(), plain.parameters().sizes());
  network.parameters().copy_(plain.parameters());
  const Tensor input = RandomTensor({2, 11, 3}, 2);
  const Tensor by_output = RandomTensor({2, 11, 2}, 3);
  Mlp::Tape plain_tape;
  BatchRenormMlp::Tape tape;
  EXPECT_TRUE(network.ForwardTraining(input, tape).equal(plain.Forward(input, plain_tape)));
  EXPECT_TRUE(network.Forward(input).equal(plain_tape.output));
  network.Backward(tape, by_output);
  plain.Backward(plain_tape, by_output);
  EXPECT_TRUE(network.gradients().equal(plain.gradients()));
  EXPECT_TRUE(network.InputGradient(tape, by_output, 1, 2)
                  .equal(plain.InputGradient(plain_tape, by_output, 1, 2)));
}

TEST(BatchRenormMlpTest, StartsWithoutScaleShiftOrHistory) {
  BatchRenormMlp network({1, 4, {16}, 3}, {}, at::kCPU);
  std::vector<core::Rng> rngs = {core::Rng(1)};
  network.Initialize(rngs, 0.003);
  for (const std::int64_t layer : {0, 1}) {
    EXPECT_TRUE(network.scale(layer).eq(1.0).all().item<bool>());
    EXPECT_TRUE(network.shift(layer).eq(0.0).all().item<bool>());
  }
  EXPECT_LE(network.weight(1).abs().max().item<double>(), 0.003);
  const Tensor input = RandomTensor({1, 5, 4}, 2);
  Mlp plain({1, 4, {16}, 3}, at::kCPU);
  plain.parameters().copy_(network.parameters().narrow(1, 0, plain.parameters().size(1)));
  // Means of 0 and variances of 1, but for epsilon.
  EXPECT_LT(LargestDifference(network.Forward(input), plain.Forward(input)), 1e-2);
}

TEST(BatchRenormMlpTest, SlicesShareParametersGradientsAndStatistics) {
  BatchRenormMlp network = MakeNetwork({4, 3, {5}, 2});
  BatchRenormMlp slice = network.Slice(1, 2);
  const Tensor input = RandomTensor({4, 6, 3}, 2);
  EXPECT_LT(LargestDifference(slice.Forward(input.narrow(0, 1, 2)),
                              network.Forward(input).narrow(0, 1, 2)),
            1e-6);
  const Tensor before = network.statistics().clone();
  BatchRenormMlp::Tape tape;
  slice.ForwardTraining(input.narrow(0, 1, 2), tape);
  slice.Backward(tape, at::ones({2, 6, 2}));
  slice.UpdateStatistics(tape);
  EXPECT_TRUE(network.gradients().narrow(0, 1, 2).equal(slice.gradients()));
  EXPECT_GT(slice.gradients().abs().max().item<double>(), 0.0);
  EXPECT_TRUE(network.statistics()[0].equal(before[0]));
  EXPECT_FALSE(network.statistics()[1].equal(before[1]));
  EXPECT_FALSE(network.statistics()[2].equal(before[2]));
  EXPECT_TRUE(network.statistics()[3].equal(before[3]));
}

TEST(BatchRenormMlpTest, LoadsTheSavedMembersThatAreAskedForWithTheirStatistics) {
  const BatchRenormMlp saved = MakeNetwork({3, 3, {8}, 2});
  const auto archive = Written([&](core::ArchiveWriter& writer) { saved.Save(writer, "net"); });
  BatchRenormMlp chosen({2, 3, {8}, 2}, kWarm, at::kCPU);
  chosen.Load(*archive, "net", std::vector<std::int64_t>{2, 0});
  for (const auto& [to, from] : {std::pair{0, 2}, std::pair{1, 0}}) {
    EXPECT_TRUE(chosen.parameters()[to].equal(saved.parameters()[from]));
    EXPECT_TRUE(chosen.statistics()[to].equal(saved.statistics()[from]));
  }
}

TEST(BatchRenormMlpTest, SaysWhatInAFileDoesNotFit) {
  const BatchRenormMlp without({1, 3, {8}, 2}, {.enabled = false}, at::kCPU);
  const auto plain = Written([&](core::ArchiveWriter& writer) { without.Save(writer, "net"); });
  EXPECT_THAT(
      [&] {
        MakeNetwork({1, 3, {8}, 2}).Load(*plain, "net");
      },
      ThrowsMessage<IoError>(HasSubstr("net.free")));
  const BatchRenormMlp with = MakeNetwork({1, 3, {8}, 2});
  const auto normalized = Written([&](core::ArchiveWriter& writer) { with.Save(writer, "net"); });
  EXPECT_THAT(
      [&] {
        BatchRenormMlp({1, 3, {8}, 2}, {.enabled = false}, at::kCPU).Load(*normalized, "net");
      },
      ThrowsMessage<IoError>(HasSubstr("\"net.statistics\" is of networks with batch "
                                       "renormalisation; this run's are without")));
}

TEST(BatchRenormMlpTest, RefusesWhatItHasNoGradientFor) {
  EXPECT_THROW(BatchRenormMlp({1, 3, {8}, 2, OutputActivation::kTanh}, kWarm, at::kCPU),
               std::logic_error);
  const BatchRenormMlp network = MakeNetwork({1, 3, {8}, 2});
  BatchRenormMlp::Tape tape;
  network.ForwardTraining(at::zeros({1, 4, 3}), tape);
  EXPECT_THROW(network.InputGradient(tape, at::zeros({1, 4, 2}), 0, 3), std::logic_error);
}

}  // namespace
}  // namespace duet::agents
