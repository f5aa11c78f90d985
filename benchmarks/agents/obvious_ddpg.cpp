#include "benchmarks/agents/obvious_ddpg.h"

#include <torch/optim/adam.h>
#include <torch/torch.h>

#include <cmath>
#include <vector>

namespace duet::benchmarks {
namespace {

using torch::Tensor;

struct Network {
  std::vector<Tensor> weights, biases;

  Network(std::int64_t members, const std::vector<std::int64_t>& sizes) {
    for (std::size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(sizes[layer]));
      const auto draw = [&](at::IntArrayRef shape) {
        return torch::empty(shape).uniform_(-bound, bound).requires_grad_(true);
      };
      const std::int64_t in = sizes[layer];
      const std::int64_t out = sizes[layer + 1];
      weights.push_back(members == 1 ? draw({out, in}) : draw({members, in, out}));
      biases.push_back(members == 1 ? draw({out}) : draw({members, 1, out}));
    }
  }

  Tensor Forward(Tensor x) const {
    for (std::size_t layer = 0; layer < weights.size(); ++layer) {
      x = weights[layer].dim() == 2 ? torch::linear(x, weights[layer], biases[layer])
                                    : torch::baddbmm(biases[layer], x, weights[layer]);
      if (layer + 1 < weights.size()) x = torch::relu(x);
    }
    return x;
  }

  std::vector<Tensor> Parameters() const {
    std::vector<Tensor> all = weights;
    all.insert(all.end(), biases.begin(), biases.end());
    return all;
  }
};

void MoveTarget(const Network& target, const Network& online) {
  const torch::NoGradGuard no_grad;
  const std::vector<Tensor> to = target.Parameters();
  const std::vector<Tensor> from = online.Parameters();
  for (std::size_t i = 0; i < to.size(); ++i) to[i].mul_(0.995).add_(from[i], 0.005);
}

}  // namespace

struct ObviousDdpg::Impl {
  explicit Impl(const ObviousDdpgShape& shape)
      : shape(shape),
        actor(shape.members,
              {shape.observation_size, shape.hidden, shape.hidden, shape.action_size}),
        critic(shape.members,
               {shape.observation_size + shape.action_size, shape.hidden, shape.hidden, 1}),
        target_actor(actor),
        target_critic(critic),
        actor_optimizer(actor.Parameters(), torch::optim::AdamOptions(1e-3)),
        critic_optimizer(critic.Parameters(), torch::optim::AdamOptions(1e-3)) {
    const torch::NoGradGuard no_grad;
    for (Network* target : {&target_actor, &target_critic}) {
      for (Tensor& x : target->weights) x = x.detach().clone();
      for (Tensor& x : target->biases) x = x.detach().clone();
    }
    const std::int64_t rows = shape.members * shape.replay_size;
    observations = torch::randn({rows, shape.observation_size});
    next_observations = torch::randn({rows, shape.observation_size});
    actions = torch::rand({rows, shape.action_size}) * 2 - 1;
    rewards = torch::randn({rows, 1});
    terminated = (torch::rand({rows, 1}) < 0.01).to(torch::kFloat);
    first_rows = torch::arange(shape.members).unsqueeze(1) * shape.replay_size;
  }

  // The chosen rows, [M, B, …], or [B, …] of a single member.
  Tensor Take(const Tensor& from, const Tensor& rows) const {
    const Tensor taken = from.index_select(0, rows);
    if (shape.members == 1) return taken;
    return taken.view({shape.members, shape.batch_size, from.size(1)});
  }

  void Update() {
    const Tensor rows =
        (torch::randint(shape.replay_size, {shape.members, shape.batch_size}, torch::kLong) +
         first_rows)
            .flatten();
    const Tensor observation = Take(observations, rows);
    const Tensor next_observation = Take(next_observations, rows);
    Tensor target;
    {
      const torch::NoGradGuard no_grad;
      const Tensor next_action = torch::tanh(target_actor.Forward(next_observation));
      const Tensor next_value =
          target_critic.Forward(torch::cat({next_observation, next_action}, -1));
      target = Take(rewards, rows) + 0.99 * (1 - Take(terminated, rows)) * next_value;
    }
    const Tensor value = critic.Forward(torch::cat({observation, Take(actions, rows)}, -1));
    const Tensor critic_loss = (value - target).square().mean(-2).sum();
    critic_optimizer.zero_grad();
    critic_loss.backward();
    critic_optimizer.step();

    const Tensor action = torch::tanh(actor.Forward(observation));
    const Tensor actor_loss = -critic.Forward(torch::cat({observation, action}, -1)).mean(-2).sum();
    actor_optimizer.zero_grad();
    actor_loss.backward();
    actor_optimizer.step();

    MoveTarget(target_critic, critic);
    MoveTarget(target_actor, actor);
  }

  ObviousDdpgShape shape;
  Network actor, critic, target_actor, target_critic;
  torch::optim::Adam actor_optimizer, critic_optimizer;
  Tensor observations, next_observations, actions, rewards, terminated;
  Tensor first_rows;
};

ObviousDdpg::ObviousDdpg(const ObviousDdpgShape& shape) : impl_(std::make_unique<Impl>(shape)) {}
ObviousDdpg::~ObviousDdpg() = default;

void ObviousDdpg::Update() { impl_->Update(); }

}  // namespace duet::benchmarks
