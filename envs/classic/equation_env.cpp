#include "envs/classic/equation_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "envs/state_bytes.h"

namespace duet::envs {
namespace {

// Volatile, because compilers turn pow with a constant 2 into a multiplication.
const volatile double kTwo = 2.0;
const volatile float kTwoFloat = 2.0F;

}  // namespace

double PowerOfTwo(double x) { return std::pow(x, kTwo); }
float PowerOfTwo(float x) { return std::pow(x, kTwoFloat); }

EquationEnv::EquationEnv(EnvSpec spec, EnvQuantities quantities, std::size_t state_size)
    : spec_(std::move(spec)), quantities_(std::move(quantities)), state_(state_size) {
  spec_.observation_size = static_cast<std::int64_t>(spec_.observation_low.size());
}

void EquationEnv::RequireRoom(std::size_t size) const {
  if (std::cmp_equal(size, spec_.observation_size)) return;
  throw std::logic_error(fmt::format("{}: room for {} observations given, {} needed", spec_.id,
                                     size, spec_.observation_size));
}

void EquationEnv::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  RequireRoom(observation.size());
  if (seed) rng_.Seed(*seed);
  DrawState(rng_, state_);
  num_steps_ = 0;
  WriteObservation(state_, observation);
}

StepResult EquationEnv::Step(ActionView action, std::span<double> observation) {
  RequireRoom(observation.size());
  if (spec_.discrete()) {
    DiscreteAction(spec_, action);
  } else {
    FiniteBoxAction(spec_, action, num_steps_ + 1);
  }
  ++num_steps_;
  const StepResult result = Advance(action, state_);
  WriteObservation(state_, observation);
  return result;
}

std::string EquationEnv::SaveState() const {
  StateWriter writer("equations", spec_.id);
  writer.Add(state_);
  writer.Add(num_steps_);
  writer.Add(rng_.SaveState());
  return writer.Finish();
}

void EquationEnv::LoadState(const std::string& state) {
  StateReader reader("equations", spec_.id, state);
  std::vector<double> numbers(state_.size());
  reader.Fill(std::span(numbers));
  const std::int64_t num_steps = reader.Integer();
  const std::string rng = reader.Text();
  reader.Finish();
  rng_.LoadState(rng);
  state_ = std::move(numbers);
  num_steps_ = num_steps;
}

void EquationEnv::StartFrom(const RecordedState& state, std::span<double> observation) {
  RequireRoom(observation.size());
  std::ranges::copy(state.Get(spec_.id, "state", state_.size()), state_.begin());
  num_steps_ = state.step;
  WriteObservation(state_, observation);
}

}  // namespace duet::envs
