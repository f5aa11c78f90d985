#include "envs/wrappers/normalization.h"

#include <cmath>
#include <limits>
#include <utility>

namespace duet::envs {

void RunningMoments::Update(double value) {
  const double total = count + 1.0;
  const double delta = value - mean;
  mean += delta / total;
  variance = (variance * count + delta * delta * count / total) / total;
  count = total;
}

void RunningMoments::Save(StateWriter& writer) const {
  writer.Add(mean);
  writer.Add(variance);
  writer.Add(count);
}

void RunningMoments::Load(StateReader& reader) {
  mean = reader.Number();
  variance = reader.Number();
  count = reader.Number();
}

NormalizeObservation::NormalizeObservation(std::unique_ptr<Env> env, double epsilon)
    : Wrapper("normalize_observation", std::move(env)),
      epsilon_(epsilon),
      moments_(static_cast<std::size_t>(spec().observation_size)) {
  if (!std::isfinite(epsilon) || epsilon <= 0.0) {
    Refuse("epsilon", epsilon, "a finite number > 0");
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  mutable_spec().observation_low.assign(moments_.size(), -kInfinity);
  mutable_spec().observation_high.assign(moments_.size(), kInfinity);
}

void NormalizeObservation::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  inner().Reset(seed, observation);
  Normalize(observation);
}

StepResult NormalizeObservation::Step(ActionView action, std::span<double> observation) {
  const StepResult result = inner().Step(action, observation);
  Normalize(observation);
  return result;
}

EnvQuantities NormalizeObservation::Describe() const {
  EnvQuantities quantities = inner().Describe();
  AnnotateScaled(quantities.observation, "normalised");
  return quantities;
}

void NormalizeObservation::Normalize(std::span<double> observation) {
  for (std::size_t i = 0; i < observation.size(); ++i) {
    RunningMoments& moments = moments_[i];
    if (update_running_mean_) moments.Update(observation[i]);
    observation[i] = static_cast<float>((observation[i] - moments.mean) /
                                        std::sqrt(moments.variance + epsilon_));
  }
}

void NormalizeObservation::SaveOwnState(StateWriter& writer) const {
  writer.Add(std::int64_t{update_running_mean_});
  for (const RunningMoments& moments : moments_) moments.Save(writer);
}

void NormalizeObservation::LoadOwnState(StateReader& reader) {
  update_running_mean_ = reader.Integer() != 0;
  for (RunningMoments& moments : moments_) moments.Load(reader);
}

NormalizeReward::NormalizeReward(std::unique_ptr<Env> env, double gamma, double epsilon)
    : Wrapper("normalize_reward", std::move(env)), gamma_(gamma), epsilon_(epsilon) {
  if (!(gamma >= 0.0 && gamma <= 1.0)) Refuse("gamma", gamma, "a number in [0, 1]");
  if (!std::isfinite(epsilon) || epsilon <= 0.0) {
    Refuse("epsilon", epsilon, "a finite number > 0");
  }
}

StepResult NormalizeReward::Step(ActionView action, std::span<double> observation) {
  StepResult result = inner().Step(action, observation);
  discounted_return_ =
      discounted_return_ * gamma_ * (result.terminated ? 0.0 : 1.0) + result.reward;
  if (update_running_mean_) moments_.Update(discounted_return_);
  result.reward /= std::sqrt(moments_.variance + epsilon_);
  return result;
}

void NormalizeReward::SaveOwnState(StateWriter& writer) const {
  writer.Add(std::int64_t{update_running_mean_});
  writer.Add(discounted_return_);
  moments_.Save(writer);
}

void NormalizeReward::LoadOwnState(StateReader& reader) {
  update_running_mean_ = reader.Integer() != 0;
  discounted_return_ = reader.Number();
  moments_.Load(reader);
}

}  // namespace duet::envs
