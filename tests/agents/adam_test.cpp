#include "agents/adam.h"

#include <cmath>

#include "tests/agents/support.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kSize = 50;

// torch.optim.Adam in double precision, from its documentation.
struct PlainAdam {
  AdamConfig config;
  Tensor parameters;
  Tensor first = at::zeros({kSize}, at::kDouble);
  Tensor second = at::zeros({kSize}, at::kDouble);
  int num_steps = 0;

  void Step(const Tensor& gradients, double scale) {
    ++num_steps;
    const Tensor gradient = gradients + config.l2 * parameters;
    first = config.beta1 * first + (1 - config.beta1) * gradient;
    second = config.beta2 * second + (1 - config.beta2) * gradient * gradient;
    const Tensor mean = first / (1 - std::pow(config.beta1, num_steps));
    const Tensor variance = second / (1 - std::pow(config.beta2, num_steps));
    parameters =
        parameters - scale * config.learning_rate * mean / (variance.sqrt() + config.epsilon);
  }
};

TEST(AdamTest, EqualsTorchStepByStepWithL2AndScale) {
  for (const double l2 : {0.0, 0.1}) {
    Tensor parameters = RandomTensor({kSize}, 1);
    const AdamConfig config{.learning_rate = 0.01, .l2 = l2};
    Adam adam(config, parameters);
    PlainAdam plain{config, parameters.to(at::kDouble)};
    for (std::uint64_t step = 0; step < 20; ++step) {
      const Tensor gradients = RandomTensor({kSize}, 10 + step);
      const double scale = step < 10 ? 1.0 : 0.3;
      adam.Step(parameters, gradients, scale);
      plain.Step(gradients.to(at::kDouble), scale);
      ASSERT_LT(LargestDifference(parameters, plain.parameters), 2e-6) << "step " << step;
    }
  }
}

TEST(AdamTest, ContinuesBitForBitAfterLoading) {
  Tensor parameters = RandomTensor({kSize}, 1);
  Adam adam({}, parameters);
  for (std::uint64_t step = 0; step < 5; ++step) adam.Step(parameters, RandomTensor({kSize}, step));
  const auto archive = Written([&](core::ArchiveWriter& writer) { adam.Save(writer, "adam"); });
  Tensor other_parameters = parameters.clone();
  Adam other({}, other_parameters);
  other.Load(*archive, "adam");
  adam.Step(parameters, RandomTensor({kSize}, 9));
  other.Step(other_parameters, RandomTensor({kSize}, 9));
  EXPECT_TRUE(parameters.equal(other_parameters));
}

}  // namespace
}  // namespace duet::agents
