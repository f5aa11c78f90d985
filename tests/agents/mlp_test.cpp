#include "agents/mlp.h"

#include <gmock/gmock.h>

#include "agents/host_loops.h"
#include "core/error.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

Mlp MakeMlp(const MlpShape& shape) {
  Mlp mlp(shape, at::kCPU);
  mlp.parameters().copy_(RandomTensor(mlp.parameters().sizes(), 1) * 0.3);
  return mlp;
}

Tensor Gradient(Mlp& mlp, const Tensor& input, const Tensor& by_output) {
  Mlp::Tape tape;
  mlp.Forward(input, tape);
  mlp.Backward(tape, by_output);
  return mlp.gradients().clone();
}

class MlpShapeTest : public testing::TestWithParam<MlpShape> {};

INSTANTIATE_TEST_SUITE_P(
    Shapes, MlpShapeTest,
    testing::Values(MlpShape{1, 3, {8, 6}, 2, OutputActivation::kTanh},
                    MlpShape{3, 3, {8, 6}, 2, OutputActivation::kTanh},
                    MlpShape{3, 5, {7}, 1, OutputActivation::kNone},
                    MlpShape{2, 5, {7, 8, 9}, 1, OutputActivation::kNone, Activation::kTanh},
                    MlpShape{3, 4, {}, 2, OutputActivation::kNone},
                    MlpShape{1, 4, {}, 1, OutputActivation::kTanh},
                    MlpShape{2, 23, {256, 256}, 6, OutputActivation::kTanh}),
    [](const auto& info) {
      return fmt::format("M{}In{}Layers{}", info.param.members, info.param.input,
                         info.param.hidden.size());
    });

TEST_P(MlpShapeTest, ForwardAndGradientsEqualAutograd) {
  const MlpShape& shape = GetParam();
  const std::int64_t batch = shape.hidden.size() == 2 && shape.hidden[0] == 256 ? 256 : 11;
  Mlp mlp = MakeMlp(shape);
  const Tensor input = RandomTensor({shape.members, batch, shape.input}, 2);
  const Tensor by_output = RandomTensor({shape.members, batch, shape.output}, 3) / batch;

  const Tensor x = input.to(at::kDouble).requires_grad_(true);
  std::vector<Tensor> leaves;
  Tensor y = x;
  for (std::int64_t layer = 0; layer < mlp.num_layers(); ++layer) {
    leaves.push_back(mlp.weight(layer).to(at::kDouble).requires_grad_(true));
    leaves.push_back(mlp.bias(layer).to(at::kDouble).requires_grad_(true));
    if (layer > 0) y = shape.activation == Activation::kTanh ? y.tanh() : y.relu();
    y = y.matmul(leaves[leaves.size() - 2]) + leaves.back();
  }
  if (shape.output_activation == OutputActivation::kTanh) y = y.tanh();
  (y * by_output).sum().backward();
  std::vector<Tensor> gradients;
  for (const Tensor& leaf : leaves) gradients.push_back(leaf.grad().flatten(1));

  Mlp::Tape tape;
  EXPECT_LT(LargestDifference(mlp.Forward(input, tape), y.detach()), 1e-5);
  EXPECT_TRUE(mlp.Forward(input).equal(tape.output));
  mlp.Backward(tape, by_output);
  EXPECT_LT(LargestDifference(mlp.gradients(), at::cat(gradients, 1)), 1e-5);
  const std::int64_t count = shape.input - 1;
  EXPECT_LT(
      LargestDifference(mlp.InputGradient(tape, by_output, 1, count), x.grad().narrow(2, 1, count)),
      1e-5);
}

TEST_P(MlpShapeTest, SamplesWithoutAnOutputGradientHaveNoInputGradient) {
  const MlpShape& shape = GetParam();
  const Mlp mlp = MakeMlp(shape);
  Mlp::Tape tape;
  mlp.Forward(RandomTensor({shape.members, 21, shape.input}, 2), tape);
  const Tensor by_output = RandomTensor({shape.members, 21, shape.output}, 3);
  const Tensor expected = WithDeadSamples(mlp.InputGradient(tape, by_output, 1, 2));
  const auto check = [&] {
    const Tensor found = mlp.InputGradient(tape, WithDeadSamples(by_output), 1, 2);
    EXPECT_LT(LargestDifference(found, expected), 1e-5);
    EXPECT_TRUE(found.eq(0.0).equal(expected.eq(0.0)));
  };
  check();
  const AtenOnly through_aten;
  check();
}

TEST(MlpTest, GradientsOfAMemberDoNotDependOnTheOthers) {
  Mlp mlp = MakeMlp({3, 3, {8, 6}, 2, OutputActivation::kTanh});
  Tensor input = RandomTensor({3, 11, 3}, 2);
  const Tensor by_output = RandomTensor({3, 11, 2}, 3);
  const Tensor before = Gradient(mlp, input, by_output);
  input[2].mul_(2.0);
  const Tensor after = Gradient(mlp, input, by_output);
  EXPECT_TRUE(before[0].equal(after[0]));
  EXPECT_TRUE(before[1].equal(after[1]));
  EXPECT_FALSE(before[2].equal(after[2]));
}

TEST(MlpTest, InputGradientLeavesTheParametersGradients) {
  Mlp mlp = MakeMlp({2, 3, {8}, 1, OutputActivation::kNone});
  Mlp::Tape tape;
  mlp.Forward(RandomTensor({2, 4, 3}, 2), tape);
  mlp.gradients().fill_(7.0);
  mlp.InputGradient(tape, at::ones({2, 4, 1}), 0, 3);
  EXPECT_TRUE(mlp.gradients().eq(7.0).all().item<bool>());
}

TEST(MlpTest, ClipsTheGradientOfEachMemberAsTorchDoes) {
  Mlp mlp = MakeMlp({3, 3, {8, 6}, 2, OutputActivation::kNone});
  Tensor by_output = RandomTensor({3, 11, 2}, 3);
  by_output[1].mul_(1e-4);
  const Tensor before = Gradient(mlp, RandomTensor({3, 11, 3}, 2), by_output);
  const Tensor norms = mlp.GradientNorms();
  mlp.ClipGradients(0.5);
  for (std::int64_t m = 0; m < 3; ++m) {
    const Tensor gradient = before[m];
    const double norm = gradient.norm().item<double>();
    EXPECT_NEAR(norms[m].item<double>(), norm, 1e-5 * norm);
    // torch.nn.utils.clip_grad_norm_
    const Tensor expected = gradient * std::min(1.0, 0.5 / (norm + 1e-6));
    EXPECT_LT(LargestDifference(mlp.gradients()[m], expected), 1e-6) << m;
  }
  EXPECT_GT(norms[0].item<double>(), 0.5);
  EXPECT_LT(norms[1].item<double>(), 0.5);
}

TEST(MlpTest, InitializesAMemberFromItsOwnStreamWithinTheBounds) {
  Mlp pair({2, 4, {16}, 3, OutputActivation::kNone}, at::kCPU);
  std::vector<core::Rng> rngs = {core::Rng(1), core::Rng(2)};
  pair.Initialize(rngs, 0.003);
  Mlp single({1, 4, {16}, 3, OutputActivation::kNone}, at::kCPU);
  std::vector<core::Rng> second = {core::Rng(2)};
  single.Initialize(second, 0.003);
  EXPECT_TRUE(pair.parameters()[1].equal(single.parameters()[0]));
  EXPECT_LE(pair.weight(0).abs().max().item<double>(), 0.5);
  EXPECT_GT(pair.weight(0).abs().max().item<double>(), 0.4);
  EXPECT_LE(pair.weight(1).abs().max().item<double>(), 0.003);
  EXPECT_LE(pair.bias(1).abs().max().item<double>(), 0.003);
}

TEST(MlpTest, LoadsTheSavedMembersThatAreAskedFor) {
  const Mlp saved = MakeMlp({3, 3, {8}, 2, OutputActivation::kTanh});
  const auto archive = Written([&](core::ArchiveWriter& writer) { saved.Save(writer, "net"); });
  Mlp all({3, 3, {8}, 2, OutputActivation::kTanh}, at::kCPU);
  all.Load(*archive, "net");
  EXPECT_TRUE(all.parameters().equal(saved.parameters()));
  Mlp chosen({2, 3, {8}, 2, OutputActivation::kTanh}, at::kCPU);
  chosen.Load(*archive, "net", std::vector<std::int64_t>{2, 0});
  EXPECT_TRUE(chosen.parameters()[0].equal(saved.parameters()[2]));
  EXPECT_TRUE(chosen.parameters()[1].equal(saved.parameters()[0]));
}

TEST(MlpTest, SaysWhichLayerOfAFileDoesNotFit) {
  const Mlp saved = MakeMlp({1, 3, {8}, 2, OutputActivation::kTanh});
  const auto archive = Written([&](core::ArchiveWriter& writer) { saved.Save(writer, "net"); });
  const auto load = [&](const MlpShape& shape) { Mlp(shape, at::kCPU).Load(*archive, "net"); };
  EXPECT_THAT(
      [&] {
        load({1, 4, {8}, 2});
      },
      ThrowsMessage<IoError>(
          HasSubstr("\"net.0.weight\" is a layer of 3 -> 8; this run needs 4 -> 8")));
  EXPECT_THAT(
      [&] {
        load({1, 3, {}, 8});
      },
      ThrowsMessage<IoError>(HasSubstr("\"net\" has more than the 1 layers of this run")));
  EXPECT_THAT([&] { load({1, 3, {8, 2}, 2}); }, ThrowsMessage<IoError>(HasSubstr("net.2.weight")));
  EXPECT_THAT(
      [&] {
        load({2, 3, {8}, 2});
      },
      ThrowsMessage<IoError>(HasSubstr("member 1 is asked for; there are 1")));
}

TEST(MlpTest, RefusesInputOfAnotherWidth) {
  const Mlp mlp = MakeMlp({2, 3, {8}, 2, OutputActivation::kTanh});
  EXPECT_THAT(
      [&] {
        mlp.Forward(at::zeros({2, 5, 4}));
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("network input has shape [2, 5, 4]; expected is [2, -1, 3]")));
}

}  // namespace
}  // namespace duet::agents
