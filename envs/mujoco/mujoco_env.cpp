#include "envs/mujoco/mujoco_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/state_bytes.h"

namespace duet::envs {

void DrawInitialState(const MujocoTask& task, const mjModel& model, core::Rng& rng, mjData& data) {
  mj_resetData(&model, &data);
  const double scale = task.reset_noise_scale;
  const auto uniform = [&] { return scale > 0.0 ? rng.Uniform(-scale, scale) : 0.0; };
  for (int i = 0; i < model.nq; ++i) data.qpos[i] = model.qpos0[i] + uniform();
  for (int i = 0; i < model.nv; ++i) {
    switch (task.velocity_noise) {
      case VelocityNoise::kUniform:
        data.qvel[i] = uniform();
        break;
      case VelocityNoise::kNormal:
        data.qvel[i] = scale * rng.Normal();
        break;
    }
  }
  mj_forward(&model, &data);
}

MujocoEnv::MujocoEnv(MujocoTask task)
    : task_(std::move(task)),
      model_(SharedModel(task_.model, task_.total_mass)),
      data_(MakeData(*model_)),
      step_seconds_(model_->opt.timestep * static_cast<double>(task_.frame_skip)) {
  spec_.id = task_.id;
  for (int i = 0; i < model_->nu; ++i) {
    spec_.action_low.push_back(static_cast<float>(model_->actuator_ctrlrange[2 * i]));
    spec_.action_high.push_back(static_cast<float>(model_->actuator_ctrlrange[2 * i + 1]));
  }
}

void MujocoEnv::CheckSizes(std::size_t action_size, std::size_t observation_size) const {
  if (action_size != spec_.action_low.size() ||
      observation_size != static_cast<std::size_t>(spec_.observation_size)) {
    throw std::logic_error(fmt::format("{}: {} actions and {} observations given, {} and {} needed",
                                       spec_.id, action_size, observation_size,
                                       spec_.action_low.size(), spec_.observation_size));
  }
}

std::string MujocoEnv::Where() const { return fmt::format("{}: step {}", spec_.id, num_steps_); }

void MujocoEnv::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  CheckSizes(spec_.action_low.size(), observation.size());
  if (seed) rng_.Seed(*seed);
  DrawInitialState(task_, *model_, rng_, *data_);
  num_steps_ = 0;
  position_ = Position();
  CheckWarnings();
  WriteObservation(observation);
}

StepResult MujocoEnv::Step(std::span<const float> action, std::span<double> observation) {
  CheckSizes(action.size(), observation.size());
  ++num_steps_;
  std::copy(action.begin(), action.end(), data_->ctrl);
  try {
    for (std::int64_t i = 0; i < task_.frame_skip; ++i) mj_step(model_.get(), data_.get());
    if (task_.contact_forces) mj_rnePostConstraint(model_.get(), data_.get());
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", Where(), error.what()));
  }
  CheckWarnings();
  const double position = Position();
  const double forward_velocity = (position - position_) / step_seconds_;
  position_ = position;
  WriteObservation(observation);
  const StepResult result = Judge(action, forward_velocity);
  if (!std::isfinite(result.reward)) {
    throw NonFiniteError(
        fmt::format("{}: the reward is {}; allowed is a finite number, which an "
                    "action within its range gives",
                    Where(), result.reward));
  }
  return result;
}

void MujocoEnv::CheckWarnings() const {
  for (int i = 0; i < mjNWARNING; ++i) {
    if (data_->warning[i].number == 0) continue;
    const int index = data_->warning[i].lastinfo;
    switch (i) {
      case mjWARN_BADQPOS:
        throw NonFiniteError(
            fmt::format("{}: position qpos[{}] is not finite or too large; allowed is a "
                        "magnitude up to {:g}",
                        Where(), index, mjMAXVAL));
      case mjWARN_BADQVEL:
        throw NonFiniteError(
            fmt::format("{}: velocity qvel[{}] is not finite or too large; allowed is a "
                        "magnitude up to {:g}",
                        Where(), index, mjMAXVAL));
      case mjWARN_BADQACC:
        throw NonFiniteError(
            fmt::format("{}: acceleration qacc[{}] is not finite or too large; allowed is "
                        "a magnitude up to {:g}",
                        Where(), index, mjMAXVAL));
      case mjWARN_BADCTRL:
        throw NonFiniteError(
            fmt::format("{}: action[{}] is not finite or too large; allowed is a magnitude "
                        "up to {:g}",
                        Where(), index, mjMAXVAL));
      default:
        throw Error(fmt::format("{}: MuJoCo: {}", Where(),
                                mju_warningText(i, static_cast<std::size_t>(index))));
    }
  }
}

std::string MujocoEnv::SaveState() const {
  std::vector<double> physics(
      static_cast<std::size_t>(mj_stateSize(model_.get(), mjSTATE_INTEGRATION)));
  mj_getState(model_.get(), data_.get(), physics.data(), mjSTATE_INTEGRATION);
  StateWriter writer("mujoco", spec_.id);
  writer.Add(physics);
  writer.Add(position_);
  writer.Add(num_steps_);
  writer.Add(rng_.SaveState());
  return writer.Finish();
}

void MujocoEnv::LoadState(const std::string& state) {
  StateReader reader("mujoco", spec_.id, state);
  std::vector<double> physics(
      static_cast<std::size_t>(mj_stateSize(model_.get(), mjSTATE_INTEGRATION)));
  reader.Fill(std::span(physics));
  const double position = reader.Number();
  const std::int64_t num_steps = reader.Integer();
  const std::string rng = reader.Text();
  reader.Finish();
  rng_.LoadState(rng);
  // Also forgets the warnings of an episode that broke off.
  mj_resetData(model_.get(), data_.get());
  mj_setState(model_.get(), data_.get(), physics.data(), mjSTATE_INTEGRATION);
  position_ = position;
  num_steps_ = num_steps;
}

void MujocoEnv::StartFrom(const RecordedState& state, std::span<double> observation) {
  CheckSizes(spec_.action_low.size(), observation.size());
  if (std::cmp_not_equal(state.qpos.size(), model_->nq) ||
      std::cmp_not_equal(state.qvel.size(), model_->nv) ||
      std::cmp_not_equal(state.qacc_warmstart.size(), model_->nv)) {
    throw ConfigError(fmt::format(
        "{}: recorded state with {} positions, {} velocities and {} accelerations; allowed are {}, "
        "{} and {}",
        spec_.id, state.qpos.size(), state.qvel.size(), state.qacc_warmstart.size(), model_->nq,
        model_->nv, model_->nv));
  }
  mj_resetData(model_.get(), data_.get());
  std::ranges::copy(state.qpos, data_->qpos);
  std::ranges::copy(state.qvel, data_->qvel);
  data_->time = state.time;
  mj_forward(model_.get(), data_.get());
  // Last: whatever mj_forward does, the next step starts from the recorded value.
  std::ranges::copy(state.qacc_warmstart, data_->qacc_warmstart);
  num_steps_ = state.step;
  position_ = state.lagged_x.value_or(Position());
  CheckWarnings();
  WriteObservation(observation);
}

}  // namespace duet::envs
