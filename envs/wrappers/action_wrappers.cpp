#include "envs/wrappers/action_wrappers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace duet::envs {
namespace {

constexpr std::string_view kNoiseStream = "action noise";
constexpr double kMaxDelay = 10000.0;

std::int64_t RowWidth(const EnvSpec& spec) { return spec.discrete() ? 1 : spec.action_size(); }

}  // namespace

RescaleAction::RescaleAction(std::unique_ptr<Env> env, double low, double high)
    : Wrapper("rescale_action", std::move(env)) {
  RequireBox("RescaleAction");
  if (!std::isfinite(low)) Refuse("low", low, "a finite number");
  if (!std::isfinite(high) || high <= low) {
    Refuse("high", high, fmt::format("a finite number above low = {:g}", low));
  }
  EnvSpec& spec = mutable_spec();
  for (std::size_t i = 0; i < spec.action_low.size(); ++i) {
    const float inner_low = spec.action_low[i];
    const float inner_high = spec.action_high[i];
    if (!std::isfinite(inner_low) || !std::isfinite(inner_high) || inner_low >= inner_high) {
      throw ConfigError(
          fmt::format("{}: RescaleAction needs finite bounds; those of action[{}] "
                      "are [{:g}, {:g}]",
                      spec.id, i, inner_low, inner_high));
    }
    gradient_.push_back(static_cast<float>((high - low) / (static_cast<long double>(inner_high) -
                                                           static_cast<long double>(inner_low))));
    intercept_.push_back(static_cast<float>(gradient_[i] * -inner_low + low));
  }
  spec.action_low.assign(spec.action_low.size(), static_cast<float>(low));
  spec.action_high.assign(spec.action_high.size(), static_cast<float>(high));
  inner_action_.resize(gradient_.size());
}

StepResult RescaleAction::Step(ActionView action, std::span<double> observation) {
  const std::span<const float> given = BoxAction(spec(), action);
  for (std::size_t i = 0; i < given.size(); ++i) {
    inner_action_[i] = (given[i] - intercept_[i]) / gradient_[i];
  }
  return inner().Step(inner_action_, observation);
}

EnvQuantities RescaleAction::Describe() const {
  EnvQuantities quantities = inner().Describe();
  AnnotateScaled(quantities.action, "rescaled");
  return quantities;
}

ClipAction::ClipAction(std::unique_ptr<Env> env) : Wrapper("clip_action", std::move(env)) {
  RequireBox("ClipAction");
  inner_action_.resize(spec().action_low.size());
}

StepResult ClipAction::Step(ActionView action, std::span<double> observation) {
  const std::span<const float> given = BoxAction(spec(), action);
  for (std::size_t i = 0; i < given.size(); ++i) {
    // Written so that a NaN stays one.
    inner_action_[i] = std::clamp(given[i], spec().action_low[i], spec().action_high[i]);
  }
  return inner().Step(inner_action_, observation);
}

DelayAction::DelayAction(std::unique_ptr<Env> env, std::int64_t delay)
    : Wrapper("delay_action", std::move(env)),
      waiting_(std::clamp(delay, std::int64_t{0}, static_cast<std::int64_t>(kMaxDelay)) + 1,
               RowWidth(spec())),
      row_(static_cast<std::size_t>(RowWidth(spec()))),
      inner_action_(static_cast<std::size_t>(spec().action_size())) {
  if (std::cmp_not_equal(waiting_.num_rows(), delay + 1)) {
    Refuse("delay", static_cast<double>(delay), fmt::format("a number in [0, {}]", kMaxDelay));
  }
}

void DelayAction::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  inner().Reset(seed, observation);
  for (std::size_t i = 0; i < row_.size(); ++i) {
    row_[i] =
        spec().discrete() ? 0.0 : std::clamp(0.0F, spec().action_low[i], spec().action_high[i]);
  }
  waiting_.Fill(row_);
}

StepResult DelayAction::Step(ActionView action, std::span<double> observation) {
  if (spec().discrete()) {
    row_[0] = static_cast<double>(DiscreteAction(spec(), action));
  } else {
    std::ranges::copy(BoxAction(spec(), action), row_.begin());
  }
  waiting_.Push(row_);
  const std::span<const double> due = waiting_.row(0);
  if (spec().discrete()) return inner().Step(static_cast<std::int64_t>(due[0]), observation);
  std::ranges::transform(due, inner_action_.begin(),
                         [](double number) { return static_cast<float>(number); });
  return inner().Step(inner_action_, observation);
}

EnvQuantities DelayAction::Describe() const {
  EnvQuantities quantities = inner().Describe();
  const std::size_t delay = waiting_.num_rows() - 1;
  if (delay > 0) Annotate(quantities.action, StepsText(delay) + " later");
  return quantities;
}

void DelayAction::SaveOwnState(StateWriter& writer) const { waiting_.Save(writer); }

void DelayAction::LoadOwnState(StateReader& reader) { waiting_.Load(reader); }

NoiseAction::NoiseAction(std::unique_ptr<Env> env, double standard_deviation)
    : NoiseWrapper("noise_action", kNoiseStream, std::move(env), standard_deviation) {
  RequireBox("NoiseAction");
  inner_action_.resize(spec().action_low.size());
}

StepResult NoiseAction::Step(ActionView action, std::span<double> observation) {
  const std::span<const float> given = BoxAction(spec(), action);
  for (std::size_t i = 0; i < given.size(); ++i) {
    inner_action_[i] = static_cast<float>(given[i] + DrawNoise());
  }
  return inner().Step(inner_action_, observation);
}

EnvQuantities NoiseAction::Describe() const {
  EnvQuantities quantities = inner().Describe();
  Annotate(quantities.action, "with noise");
  return quantities;
}

}  // namespace duet::envs
