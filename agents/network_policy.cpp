#include "agents/network_policy.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <utility>

namespace duet::agents {

NetworkPolicy::NetworkPolicy(ObservationNormalizer normalizer, Mlp network)
    : normalizer(std::move(normalizer)), network(std::move(network)) {}

PolicyOutput NetworkPolicy::Answer(const Tensor& observations) const {
  const at::NoGradGuard no_grad;
  return Interpret(network.Forward(normalizer.Normalize(observations)), network.free_parameters());
}

Tensor NetworkPolicy::Differentiate(const Tensor& observations, const LossFunction& loss) {
  Mlp::Tape tape;
  {
    const at::NoGradGuard no_grad;
    network.Forward(normalizer.Normalize(observations), tape);
  }
  // The loss is differentiated by what the network gave: autograd's only leaves.
  const at::AutoGradMode grad(true);
  const Tensor output = tape.output.detach().clone().requires_grad_(true);
  const Tensor free = network.free_parameters().detach().clone().requires_grad_(true);
  const Tensor losses = loss(Interpret(output, free));
  CheckShape(losses, {network.shape().members}, "losses");
  losses.sum().backward();
  const at::NoGradGuard no_grad;
  network.Backward(tape, output.grad());
  if (free.grad().defined()) {
    network.free_gradients().copy_(free.grad());
  } else {
    network.free_gradients().zero_();
  }
  return losses.detach();
}

void NetworkPolicy::ClipGradients(double max_norm) {
  const at::NoGradGuard no_grad;
  network.ClipGradients(max_norm);
}

}  // namespace duet::agents
