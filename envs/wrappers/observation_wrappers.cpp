#include "envs/wrappers/observation_wrappers.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace duet::envs {
namespace {

constexpr std::string_view kNoiseStream = "observation noise";
constexpr std::int64_t kMaxFrames = 1000;
constexpr std::int64_t kMaxDelay = 10000;

std::vector<float> Repeated(const std::vector<float>& row, std::int64_t times) {
  std::vector<float> rows;
  for (std::int64_t i = 0; i < times; ++i) rows.insert(rows.end(), row.begin(), row.end());
  return rows;
}

}  // namespace

FrameStack::FrameStack(std::unique_ptr<Env> env, std::int64_t num_frames)
    : Wrapper("frame_stack", std::move(env)),
      frames_(std::clamp(num_frames, std::int64_t{1}, kMaxFrames), spec().observation_size),
      newest_(static_cast<std::size_t>(spec().observation_size)) {
  if (std::cmp_not_equal(frames_.num_rows(), num_frames)) {
    Refuse("num_frames", static_cast<double>(num_frames),
           fmt::format("a number in [1, {}]", kMaxFrames));
  }
  EnvSpec& spec = mutable_spec();
  spec.observation_size *= num_frames;
  spec.observation_low = Repeated(spec.observation_low, num_frames);
  spec.observation_high = Repeated(spec.observation_high, num_frames);
}

void FrameStack::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  RequireRoom(observation);
  inner().Reset(seed, newest_);
  frames_.Fill(newest_);
  Write(observation);
}

StepResult FrameStack::Step(ActionView action, std::span<double> observation) {
  RequireRoom(observation);
  const StepResult result = inner().Step(action, newest_);
  frames_.Push(newest_);
  Write(observation);
  return result;
}

void FrameStack::Write(std::span<double> observation) const {
  for (std::size_t i = 0; i < frames_.num_rows(); ++i) {
    std::ranges::copy(frames_.row(i),
                      observation.begin() + static_cast<std::ptrdiff_t>(i * newest_.size()));
  }
}

EnvQuantities FrameStack::Describe() const {
  EnvQuantities quantities = inner().Describe();
  const std::vector<Quantity> newest = std::exchange(quantities.observation, {});
  for (std::size_t age = frames_.num_rows(); age-- > 0;) {
    std::vector<Quantity> frame = newest;
    if (age > 0) Annotate(frame, StepsText(age) + " ago");
    quantities.observation.insert(quantities.observation.end(), frame.begin(), frame.end());
  }
  return quantities;
}

void FrameStack::SaveOwnState(StateWriter& writer) const { frames_.Save(writer); }

void FrameStack::LoadOwnState(StateReader& reader) { frames_.Load(reader); }

DelayObservation::DelayObservation(std::unique_ptr<Env> env, std::int64_t delay)
    : Wrapper("delay_observation", std::move(env)),
      frames_(std::clamp(delay, std::int64_t{0}, kMaxDelay) + 1, spec().observation_size),
      blank_(static_cast<std::size_t>(spec().observation_size)) {
  if (std::cmp_not_equal(frames_.num_rows(), delay + 1)) {
    Refuse("delay", static_cast<double>(delay), fmt::format("a number in [0, {}]", kMaxDelay));
  }
  for (std::size_t i = 0; i < spec().observation_low.size(); ++i) {
    blank_[i] = std::clamp(0.0F, spec().observation_low[i], spec().observation_high[i]);
  }
}

void DelayObservation::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  inner().Reset(seed, observation);
  frames_.Fill(blank_);
  frames_.Push(observation);
  std::ranges::copy(frames_.row(0), observation.begin());
}

StepResult DelayObservation::Step(ActionView action, std::span<double> observation) {
  const StepResult result = inner().Step(action, observation);
  frames_.Push(observation);
  std::ranges::copy(frames_.row(0), observation.begin());
  return result;
}

EnvQuantities DelayObservation::Describe() const {
  EnvQuantities quantities = inner().Describe();
  const std::size_t delay = frames_.num_rows() - 1;
  if (delay > 0) Annotate(quantities.observation, StepsText(delay) + " ago");
  return quantities;
}

void DelayObservation::SaveOwnState(StateWriter& writer) const { frames_.Save(writer); }

void DelayObservation::LoadOwnState(StateReader& reader) { frames_.Load(reader); }

NoiseObservation::NoiseObservation(std::unique_ptr<Env> env, double standard_deviation)
    : NoiseWrapper("noise_observation", kNoiseStream, std::move(env), standard_deviation) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::ranges::fill(mutable_spec().observation_low, -kInfinity);
  std::ranges::fill(mutable_spec().observation_high, kInfinity);
}

void NoiseObservation::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  NoiseWrapper::Reset(seed, observation);
  AddNoise(observation);
}

StepResult NoiseObservation::Step(ActionView action, std::span<double> observation) {
  const StepResult result = inner().Step(action, observation);
  AddNoise(observation);
  return result;
}

void NoiseObservation::AddNoise(std::span<double> observation) {
  for (double& number : observation) number += DrawNoise();
}

EnvQuantities NoiseObservation::Describe() const {
  EnvQuantities quantities = inner().Describe();
  Annotate(quantities.observation, "with noise");
  return quantities;
}

}  // namespace duet::envs
