#include "agents/adam.h"

#include <ATen/Parallel.h>

#include <array>
#include <cmath>
#include <vector>

#include "agents/host_loops.h"
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

// Twenty steps of two members, of which the second leaves out every third, beside one plain
// optimizer each. The rows lie among others, as those of a part of the members.
void ExpectTorchsSteps(const AdamConfig& config, at::ScalarType type) {
  const Tensor all = RandomTensor({4, kSize}, 1).to(type);
  Tensor parameters = all.slice(0, 1, 4, 2);
  Adam adam(config, parameters);
  std::vector<PlainAdam> plain;
  for (std::int64_t m = 0; m < 2; ++m)
    plain.push_back({config, parameters[m].clone().to(at::kDouble)});
  const Tensor others = all.slice(0, 0, 4, 2).clone();
  for (std::uint64_t step = 0; step < 20; ++step) {
    const Tensor gradients = RandomTensor({2, kSize}, 10 + step).to(type);
    const double scale = step < 10 ? 1.0 : 0.3;
    const std::array<bool, 2> active = {true, step % 3 != 0};
    adam.Step(parameters, gradients, scale, active);
    for (std::size_t m = 0; m < 2; ++m) {
      const auto row = static_cast<std::int64_t>(m);
      if (active[m]) plain[m].Step(gradients[row].to(at::kDouble), scale);
      ASSERT_LT(LargestDifference(parameters[row], plain[m].parameters), 2e-6)
          << "member " << m << " at step " << step;
    }
  }
  EXPECT_TRUE(all.slice(0, 0, 4, 2).equal(others));
}

TEST(AdamTest, EqualsTorchStepByStepWithL2AndScale) {
  for (const double l2 : {0.0, 0.1}) {
    const AdamConfig config{.learning_rate = 0.01, .l2 = l2};
    ExpectTorchsSteps(config, at::kFloat);
    ExpectTorchsSteps(config, at::kDouble);
    const AtenOnly through_aten;
    ExpectTorchsSteps(config, at::kFloat);
  }
}

// Large enough for several threads.
TEST(AdamTest, StepsDoNotDependOnTheNumberOfThreads) {
  const auto stepped = [] {
    Tensor parameters = RandomTensor({2, 100'003}, 1);
    Adam adam({}, parameters);
    for (std::uint64_t step = 0; step < 3; ++step) {
      adam.Step(parameters, RandomTensor({2, 100'003}, 2 + step));
    }
    return parameters;
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor alone = stepped();
  at::set_num_threads(3);
  EXPECT_TRUE(stepped().equal(alone));
  at::set_num_threads(threads);
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
