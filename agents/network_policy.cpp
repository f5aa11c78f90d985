#include "agents/network_policy.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "agents/without_autograd.h"

namespace duet::agents {

template <typename Network>
PolicyOf<Network>::PolicyOf(ObservationNormalizer normalizer, Network network)
    : normalizer(std::move(normalizer)), network(std::move(network)) {}

template <typename Network>
PolicyOutput PolicyOf<Network>::Answer(const Tensor& observations) const {
  const WithoutAutograd no_autograd;
  return Interpret(network.Forward(normalizer.Normalize(observations)), network.free_parameters());
}

template <typename Network>
PolicyOutput PolicyOf<Network>::ActingAnswer(const Tensor& observations, bool explore) const {
  const WithoutAutograd no_autograd;
  const Network& acting = explore && held_ ? *held_ : network;
  return Interpret(ActingOutput(observations, explore), acting.free_parameters());
}

template <typename Network>
Tensor PolicyOf<Network>::ActingOutput(const Tensor& observations, bool explore) const {
  const WithoutAutograd no_autograd;
  if (!explore || !held_) return network.Forward(normalizer.Normalize(observations));
  if (held_fence_) held_fence_->Wait();
  return held_->Forward(normalizer.Normalize(observations));
}

template <typename Network>
void PolicyOf<Network>::Hold() {
  const at::NoGradGuard no_grad;
  if (!held_) {
    held_.emplace(network.Another());
    held_fence_ = FenceOf(network.parameters().device());
  }
  held_->CopyFrom(network);
  if (held_fence_) held_fence_->Set();
}

template <typename Network>
Tensor PolicyOf<Network>::Differentiate(const Tensor& observations, const LossFunction& loss) {
  typename Network::Tape tape;
  Tensor output;
  {
    const at::NoGradGuard no_grad;
    output = network.Forward(normalizer.Normalize(observations), tape);
  }
  // The loss is differentiated by what the network gave: autograd's only leaves.
  const at::AutoGradMode grad(true);
  output = output.detach().clone().requires_grad_(true);
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

template <typename Network>
void PolicyOf<Network>::ClipGradients(double max_norm) {
  const at::NoGradGuard no_grad;
  network.ClipGradients(max_norm);
}

template class PolicyOf<Mlp>;
template class PolicyOf<BatchRenormMlp>;

}  // namespace duet::agents
