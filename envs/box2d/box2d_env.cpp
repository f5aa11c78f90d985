#include "envs/box2d/box2d_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "envs/state_bytes.h"

namespace duet::envs {
namespace {

constexpr char kTag[] = "box2d";
// Room for an episode of any task as long as its step limit is not raised.
constexpr std::size_t kUsualSteps = 2048;

template <typename T>
void Save(StateWriter& writer, const std::vector<T>& values) {
  writer.Add(static_cast<std::int64_t>(values.size()));
  writer.Add(std::span<const T>(values));
}

template <typename T>
std::vector<T> Load(StateReader& reader) {
  const std::int64_t size = reader.Integer();
  if (size < 0 || size > std::int64_t{1} << 28) reader.Damaged("an impossible number of values");
  std::vector<T> values(static_cast<std::size_t>(size));
  reader.Fill(std::span(values));
  return values;
}

bool AllFinite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

}  // namespace

Box2dEnv::Box2dEnv(EnvSpec spec) : spec_(std::move(spec)) {
  spec_.step_seconds = 1.0 / 50.0;
  episode_.actions.reserve(kUsualSteps * row_size());
  episode_.draws.reserve(2 * (kUsualSteps + 1));
}

std::size_t Box2dEnv::row_size() const { return spec_.discrete() ? 1 : spec_.action_low.size(); }

std::string Box2dEnv::Where(std::size_t step) const {
  return fmt::format("{}: step {}", spec_.id, step);
}

void Box2dEnv::CheckObservationSize(std::size_t size) const {
  if (std::cmp_equal(size, spec_.observation_size)) return;
  throw std::logic_error(fmt::format("{}: room for {} observations given, {} needed", spec_.id,
                                     size, spec_.observation_size));
}

double Box2dEnv::NextDraw() {
  if (num_draws_ == episode_.draws.size()) episode_.draws.push_back(rng_.Uniform(-1.0, 1.0));
  return episode_.draws[num_draws_++];
}

void Box2dEnv::Begin() {
  constexpr std::array<float, 8> kNothing{};
  num_draws_ = 0;
  num_steps_ = 0;
  ready_ = false;
  const ArenaScope scope = world_.Scope();
  world_.Restart(gravity());
  Build(episode_.start);
  Advance(std::span(kNothing).first(row_size()));
  ready_ = true;
}

void Box2dEnv::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  CheckObservationSize(observation.size());
  if (seed) rng_.Seed(*seed);
  episode_.start.clear();
  episode_.draws.clear();
  episode_.actions.clear();
  DrawStart(rng_, episode_.start);
  Begin();
  WriteObservation(observation);
}

std::span<const float> Box2dEnv::CheckedAction(const ActionView& action, float& index) const {
  if (spec_.discrete()) {
    index = static_cast<float>(DiscreteAction(spec_, action));
    return {&index, 1};
  }
  return FiniteBoxAction(spec_, action, static_cast<std::int64_t>(num_steps_) + 1);
}

StepResult Box2dEnv::Play(std::span<const float> action) {
  ++num_steps_;
  ready_ = false;
  const ArenaScope scope = world_.Scope();
  try {
    const StepResult result = Advance(action);
    ready_ = true;
    return result;
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", Where(num_steps_), error.what()));
  }
}

StepResult Box2dEnv::Step(ActionView action, std::span<double> observation) {
  CheckObservationSize(observation.size());
  if (!ready_) throw std::logic_error(spec_.id + ": Step without a Reset before it");
  float index = 0.0F;
  const std::span<const float> numbers = CheckedAction(action, index);
  episode_.actions.insert(episode_.actions.end(), numbers.begin(), numbers.end());
  const StepResult result = Play(numbers);
  WriteObservation(observation);
  return result;
}

void Box2dEnv::WriteObservation(std::span<double> observation) const {
  std::ranges::transform(State(), observation.begin(), [&](double value) {
    if (!std::isfinite(value)) {
      throw NonFiniteError(fmt::format("{}: an observation is {}; allowed is a finite number",
                                       Where(num_steps_), value));
    }
    return static_cast<double>(static_cast<float>(value));
  });
}

std::string Box2dEnv::SaveState() const {
  StateWriter writer(kTag, spec_.id);
  writer.Add(rng_.SaveState());
  writer.Add(std::int64_t{ready_});
  Save(writer, episode_.start);
  Save(writer, episode_.draws);
  Save(writer, episode_.actions);
  return writer.Finish();
}

bool Box2dEnv::Fits(const Episode& episode) const {
  return AllFinite(episode.start) && FitsStart(episode.start) &&
         std::ranges::all_of(episode.draws, [](double draw) { return std::abs(draw) <= 1.0; }) &&
         FitsActions(episode.actions);
}

bool Box2dEnv::FitsActions(std::span<const float> actions) const {
  const auto allowed = [&](float value) {
    if (!spec_.discrete()) return std::isfinite(value);
    return value >= 0.0F && value < static_cast<float>(spec_.num_actions);
  };
  return actions.size() % row_size() == 0 && std::ranges::all_of(actions, allowed);
}

void Box2dEnv::LoadState(const std::string& state) {
  StateReader reader(kTag, spec_.id, state);
  core::NumpyRng rng;
  rng.LoadState(reader.Text());
  const bool ready = reader.Integer() != 0;
  Episode episode;
  episode.start = Load<double>(reader);
  episode.draws = Load<double>(reader);
  episode.actions = Load<float>(reader);
  reader.Finish();
  if (ready && !Fits(episode)) reader.Damaged("an episode of other settings");
  ready_ = false;
  episode_.start = episode.start;
  episode_.draws = episode.draws;  // copies keep the room that is reserved
  episode_.actions = episode.actions;
  if (ready) {
    Begin();
    const std::span<const float> actions = episode_.actions;
    for (std::size_t i = 0; i < actions.size(); i += row_size())
      Play(actions.subspan(i, row_size()));
  }
  rng_ = rng;
}

void Box2dEnv::StartFrom(const RecordedState& state, std::span<double> observation) {
  CheckObservationSize(observation.size());
  if (state.step != 0) {
    throw ConfigError(fmt::format(
        "{}: recorded state at step {}; allowed is one right after a reset", spec_.id, state.step));
  }
  const Episode episode = {.start = ReadStart(state), .draws = ReadDraws(state), .actions = {}};
  if (!Fits(episode)) {
    throw ConfigError(spec_.id +
                      ": the recorded start holds numbers out of range; allowed are those that the "
                      "reference draws");
  }
  episode_.start = episode.start;
  episode_.draws = episode.draws;
  episode_.actions.clear();
  Begin();
  WriteObservation(observation);
}

}  // namespace duet::envs
