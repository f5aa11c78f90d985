#include "envs/mujoco/mjcf_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/mujoco/model.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/reward_terms.h"
#include "envs/mujoco/signal.h"

namespace duet::envs {
namespace {

// Runs `make` and says which setting was at fault where it throws.
template <typename Maker>
auto WithKey(const std::string& key, const Maker& make) {
  try {
    return make();
  } catch (const ConfigError& error) {
    throw MjcfTaskError(key, error.what());
  }
}

std::shared_ptr<const mjModel> LoadModel(std::string_view id, const MjcfTask& task) {
  const std::filesystem::path path(id.substr(kMjcfPrefix.size()));
  return WithKey("", [&] { return SharedModelOfFile(path, task.total_mass); });
}

// A signal and where the memory of the environment holds its numbers of the step before.
struct RememberedSignal {
  Signal signal;
  std::size_t offset = 0;

  double Value(std::size_t i, const mjData& data, std::span<const double> memory,
               double step_seconds) const {
    return signal.Value(i, data, memory.subspan(offset), step_seconds);
  }
};

struct RewardSource {
  RewardTerm term;
  std::vector<RememberedSignal> signal;  // one, or none for constant and alive
};

struct TerminationSource {
  core::Interval range;
  RememberedSignal signal;
};

class MjcfEnv : public MujocoEnv {
 public:
  MjcfEnv(MujocoTask constants, const MjcfTask& task, std::shared_ptr<const mjModel> compiled)
      : MujocoEnv(std::move(constants), std::move(compiled)) {
    ReadObservation(task);
    ReadReward(task);
    ReadTermination(task);
    ReadActionRange(task);
    SetMemorySize(memory_size_);
  }

 private:
  void ReadObservation(const MjcfTask& task);
  void ReadReward(const MjcfTask& task);
  void ReadTermination(const MjcfTask& task);
  void ReadActionRange(const MjcfTask& task);
  RememberedSignal ReadSignal(const std::string& key, std::string_view text);

  void WriteObservation(std::span<double> observation) const override;
  void DescribeObservation(std::vector<Quantity>& quantities) const override;
  StepResult Judge(std::span<const float> action, double forward_velocity) const override;
  void Remember(std::span<double> memory) const override;
  // No term of the reward asks for it, and a model may have no joint.
  double Position() const override { return 0.0; }

  bool Ends() const;
  double Reward(const RewardSource& source, std::span<const float> action, bool ends) const;
  double Sum(const RewardSource& source) const;
  bool Inside(const RememberedSignal& signal, const core::Interval& range) const;
  double Value(const RememberedSignal& signal, std::size_t i) const {
    return signal.Value(i, data(), memory(), spec().step_seconds);
  }

  std::vector<RememberedSignal> observation_;
  std::vector<RewardSource> reward_;
  std::vector<TerminationSource> termination_;
  std::vector<RememberedSignal> rates_;  // all that memory holds
  std::size_t memory_size_ = 0;
};

RememberedSignal MjcfEnv::ReadSignal(const std::string& key, std::string_view text) {
  RememberedSignal read = WithKey(key, [&] { return RememberedSignal{Signal(text, model())}; });
  if (!read.signal.is_rate()) return read;
  read.offset = memory_size_;
  memory_size_ += read.signal.size();
  rates_.push_back(read);
  return read;
}

void MjcfEnv::ReadObservation(const MjcfTask& task) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < task.observation.size(); ++i) {
    observation_.push_back(ReadSignal(fmt::format("observation.{}", i), task.observation[i]));
    size += observation_.back().signal.size();
  }
  if (size == 0) {
    throw MjcfTaskError("observation",
                        "nothing is observed; allowed is a list of signals, as in "
                        "[\"qpos\", \"qvel\"]");
  }
  SetObservationSize(static_cast<std::int64_t>(size));
}

void MjcfEnv::ReadReward(const MjcfTask& task) {
  for (std::size_t i = 0; i < task.reward.size(); ++i) {
    const RewardTerm& term = task.reward[i];
    const std::string key = fmt::format("reward.{}.signal", i);
    const bool needs_signal = term.how != RewardKind::kConstant && term.how != RewardKind::kAlive;
    if (needs_signal != !term.signal.empty()) {
      throw MjcfTaskError(key, needs_signal ? "is missing; allowed is a signal, as in \"qpos[0]\""
                                            : "has no use here; how = \"constant\" and \"alive\" "
                                              "take no signal");
    }
    RewardSource source{term, {}};
    if (needs_signal) source.signal.push_back(ReadSignal(key, term.signal));
    reward_.push_back(std::move(source));
  }
}

void MjcfEnv::ReadTermination(const MjcfTask& task) {
  for (std::size_t i = 0; i < task.termination.size(); ++i) {
    const std::string key = fmt::format("termination.{}.signal", i);
    if (task.termination[i].signal.empty()) {
      throw MjcfTaskError(key, "is missing; allowed is a signal, as in \"qpos[0]\"");
    }
    termination_.push_back(
        {task.termination[i].range, ReadSignal(key, task.termination[i].signal)});
  }
}

void MjcfEnv::ReadActionRange(const MjcfTask& task) {
  if (model().nu == 0) {
    throw MjcfTaskError("", "the model has no actuator; allowed is one with at least one");
  }
  for (int i = 0; i < model().nu; ++i) {
    if (model().actuator_ctrllimited[i] != 0) continue;
    if (!std::isfinite(task.action_range.low) || !std::isfinite(task.action_range.high)) {
      const char* name = mj_id2name(&model(), mjOBJ_ACTUATOR, i);
      throw MjcfTaskError(
          "action_range",
          fmt::format("actuator {} \"{}\" has no ctrlrange in the model; allowed is "
                      "one there, or action_range = [low, high] for all such",
                      i, name == nullptr ? "" : name));
    }
    SetActionRange(static_cast<std::size_t>(i), static_cast<float>(task.action_range.low),
                   static_cast<float>(task.action_range.high));
  }
}

void MjcfEnv::WriteObservation(std::span<double> observation) const {
  auto out = observation.begin();
  for (const RememberedSignal& signal : observation_) {
    for (std::size_t i = 0; i < signal.signal.size(); ++i) *out++ = Value(signal, i);
  }
}

void MjcfEnv::DescribeObservation(std::vector<Quantity>& quantities) const {
  for (const RememberedSignal& signal : observation_) signal.signal.Describe(model(), quantities);
}

void MjcfEnv::Remember(std::span<double> memory) const {
  for (const RememberedSignal& rate : rates_) {
    std::ranges::copy(rate.signal.Raw(data()),
                      memory.begin() + static_cast<std::ptrdiff_t>(rate.offset));
  }
}

bool MjcfEnv::Inside(const RememberedSignal& signal, const core::Interval& range) const {
  for (std::size_t i = 0; i < signal.signal.size(); ++i) {
    const double value = Value(signal, i);
    if (!(range.low <= value && value <= range.high)) return false;
  }
  return true;
}

bool MjcfEnv::Ends() const {
  for (const TerminationSource& source : termination_) {
    if (!Inside(source.signal, source.range)) return true;
    for (std::size_t i = 0; i < source.signal.signal.size(); ++i) {
      if (!std::isfinite(Value(source.signal, i))) return true;
    }
  }
  return false;
}

double MjcfEnv::Sum(const RewardSource& source) const {
  const RememberedSignal& signal = source.signal.front();
  double sum = 0.0;
  for (std::size_t i = 0; i < signal.signal.size(); ++i) {
    const double difference = Value(signal, i) - source.term.target;
    switch (source.term.how) {
      case RewardKind::kLinear:
        sum += difference;
        break;
      case RewardKind::kAbsolute:
        sum += std::abs(difference);
        break;
      default:
        sum += difference * difference;
    }
  }
  return sum;
}

double MjcfEnv::Reward(const RewardSource& source, std::span<const float> action, bool ends) const {
  const RewardTerm& term = source.term;
  switch (term.how) {
    case RewardKind::kConstant:
      return term.weight;
    case RewardKind::kAlive:
      return ends ? 0.0 : term.weight;
    case RewardKind::kInside:
      return Inside(source.signal.front(), term.range) ? term.weight : 0.0;
    case RewardKind::kNorm:
      return term.weight * std::sqrt(Sum(source));
    case RewardKind::kSquared:
      if (source.signal.front().signal.is_action() && term.target == 0.0) {
        return ControlCost(term.weight, action);
      }
      [[fallthrough]];
    default:
      return term.weight * Sum(source);
  }
}

StepResult MjcfEnv::Judge(std::span<const float> action, double) const {
  const bool ends = Ends();
  double reward = 0.0;
  for (const RewardSource& source : reward_) reward += Reward(source, action, ends);
  return {.reward = reward, .terminated = ends};
}

}  // namespace

std::unique_ptr<Env> MakeMjcfEnv(std::string_view id, const MjcfTask& task) {
  std::shared_ptr<const mjModel> model = LoadModel(id, task);
  MujocoTask constants = {.id = std::string(id),
                          .model = {},
                          .frame_skip = task.frame_skip,
                          .reset_noise_scale = task.reset_noise_scale,
                          .draw = task.reset_velocity_noise == NoiseKind::kNormal
                                      ? &DrawNormalVelocities
                                      : &DrawUniform};
  return std::make_unique<MjcfEnv>(std::move(constants), task, std::move(model));
}

}  // namespace duet::envs
