// The actor of soft actor-critic: a tanh of a Gaussian that is paid for its entropy.
#pragma once

#include <span>

#include "agents/batch_renorm_mlp.h"
#include "agents/mlp.h"
#include "agents/network_policy.h"
#include "agents/off_policy.h"
#include "agents/tanh_gaussian.h"
#include "agents/twin_critics.h"
#include "core/random.h"

namespace duet::agents {

// From observations to an output of twice the actions; see ReadTanhGaussian.
MlpShape SoftActorShape(const OffPolicyConfig& config, const AgentSpec& spec);

template <typename Network>
class SoftPolicy : public PolicyOf<Network> {
 public:
  // `network` has SoftActorShape.
  SoftPolicy(const OffPolicyConfig& config, const AgentSpec& spec, LogStdBounds bounds,
             Network network);

  PolicyOutput Interpret(const Tensor& output, const Tensor& free_parameters) const override;

  // Writes actions [M, E, A] for raw observations [M, E, O]: the mode, or where `explore` a draw
  // with noise from the members' streams.
  void Choose(const Tensor& observations, bool explore, std::span<core::Rng> rngs,
              std::span<float> actions) const;

 private:
  LogStdBounds bounds_;
};

extern template class SoftPolicy<Mlp>;
extern template class SoftPolicy<BatchRenormMlp>;

// The entropy of an answer, [M, B], estimated at the mode of the Gaussian, without a draw:
// H(N(mu, sigma)) + sum_j log(1 - tanh(mu_j)^2), with H the Gaussian's entropy and the sum its
// change by the tanh, to first order.
Tensor EntropyAtMode(const PolicyOutput& answer);

// Values of actions with the entropy of their draw, Q - alpha log pi (arXiv:1812.05905, Eq. 3): [m,
// B], with alpha [m, 1]. Overwrites `values`.
Tensor SoftValues(Tensor values, const Tensor& temperatures, const Tensor& log_probs);

// mean (alpha log pi(a|s) - min_i Q_i(s, a)) over a batch of states and draws (arXiv:1812.05905,
// Eq. 9).
struct SoftActorLoss {
  Tensor losses;     // [m]
  Tensor entropies;  // [m] the policy's mean entropy by these draws
  Tensor by_output;  // [m, B, 2A] gradient of the losses by the actor's output
};
// Of what the actor gave for normalised observations [m, B, O]; `noise` is that of the draws, [m,
// B, A], and `temperatures` are the alphas, [m, 1].
template <typename Network>
SoftActorLoss DifferentiateSoftActor(const Tensor& output, LogStdBounds bounds, const Tensor& noise,
                                     const Tensor& temperatures,
                                     const TwinCriticsOf<Network>& critics,
                                     const Tensor& observations);

extern template SoftActorLoss DifferentiateSoftActor(const Tensor&, LogStdBounds, const Tensor&,
                                                     const Tensor&, const TwinCriticsOf<Mlp>&,
                                                     const Tensor&);
extern template SoftActorLoss DifferentiateSoftActor(const Tensor&, LogStdBounds, const Tensor&,
                                                     const Tensor&,
                                                     const TwinCriticsOf<BatchRenormMlp>&,
                                                     const Tensor&);

}  // namespace duet::agents
