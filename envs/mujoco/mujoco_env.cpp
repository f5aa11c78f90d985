#include "envs/mujoco/mujoco_env.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/mujoco/quantities.h"
#include "envs/state_bytes.h"

namespace duet::envs {

void DrawUniform(const mjModel& model, double noise_scale, core::NumpyRng& rng, mjData& data) {
  for (int i = 0; i < model.nq; ++i) data.qpos[i] += rng.Uniform(-noise_scale, noise_scale);
  for (int i = 0; i < model.nv; ++i) data.qvel[i] += rng.Uniform(-noise_scale, noise_scale);
}

void DrawNormalVelocities(const mjModel& model, double noise_scale, core::NumpyRng& rng,
                          mjData& data) {
  for (int i = 0; i < model.nq; ++i) data.qpos[i] += rng.Uniform(-noise_scale, noise_scale);
  for (int i = 0; i < model.nv; ++i) data.qvel[i] += noise_scale * rng.Normal();
}

void DrawInitialState(const MujocoTask& task, const mjModel& model, core::NumpyRng& rng,
                      mjData& data) {
  mj_resetData(&model, &data);
  task.draw(model, task.reset_noise_scale, rng, data);
  mj_forward(&model, &data);
}

MujocoEnv::MujocoEnv(MujocoTask task)
    : MujocoEnv(task, SharedModel(task.model, task.total_mass),
                SteppingModel(task.model, task.total_mass)) {}

MujocoEnv::MujocoEnv(MujocoTask task, const std::shared_ptr<const mjModel>& model)
    : MujocoEnv(std::move(task), model, model) {}

MujocoEnv::MujocoEnv(MujocoTask task, std::shared_ptr<const mjModel> model,
                     std::shared_ptr<const mjModel> stepping_model)
    : task_(std::move(task)),
      model_(std::move(model)),
      stepping_model_(std::move(stepping_model)),
      data_(MakeData(*model_)) {
  if (!task_.joints.empty() && std::cmp_not_equal(task_.joints.size(), model_->njnt)) {
    throw std::logic_error(fmt::format("{}: words for {} joints given, {} needed", task_.id,
                                       task_.joints.size(), model_->njnt));
  }
  spec_.id = task_.id;
  spec_.step_seconds = model_->opt.timestep * static_cast<double>(task_.frame_skip);
  for (int i = 0; i < model_->nu; ++i) {
    spec_.action_low.push_back(static_cast<float>(model_->actuator_ctrlrange[2 * i]));
    spec_.action_high.push_back(static_cast<float>(model_->actuator_ctrlrange[2 * i + 1]));
  }
}

void MujocoEnv::CheckObservationSize(std::size_t size) const {
  if (std::cmp_equal(size, spec_.observation_size)) return;
  throw std::logic_error(fmt::format("{}: room for {} observations given, {} needed", spec_.id,
                                     size, spec_.observation_size));
}

std::string MujocoEnv::Where() const { return fmt::format("{}: step {}", spec_.id, num_steps_); }

void MujocoEnv::Reset(std::optional<std::uint64_t> seed, std::span<double> observation) {
  CheckObservationSize(observation.size());
  if (seed) rng_.Seed(*seed);
  DrawInitialState(task_, *stepping_model_, rng_, *data_);
  num_steps_ = 0;
  position_ = Position();
  Remember(memory_);
  CheckWarnings();
  WriteObservation(observation);
}

StepResult MujocoEnv::Step(ActionView action_view, std::span<double> observation) {
  CheckObservationSize(observation.size());
  // MuJoCo would bring infinite controls back into their range.
  const std::span<const float> action = FiniteBoxAction(spec_, action_view, num_steps_ + 1);
  ++num_steps_;
  std::copy(action.begin(), action.end(), data_->ctrl);
  try {
    for (std::int64_t i = 0; i < task_.frame_skip; ++i) mj_step(stepping_model_.get(), data_.get());
    if (task_.contact_forces) mj_rnePostConstraint(stepping_model_.get(), data_.get());
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", Where(), error.what()));
  }
  CheckWarnings();
  const double position = Position();
  const double forward_velocity = (position - position_) / spec_.step_seconds;
  position_ = position;
  WriteObservation(observation);
  const StepResult result = Judge(action, forward_velocity);
  Remember(memory_);
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
  writer.Add(memory_);
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
  std::vector<double> memory(memory_.size());
  reader.Fill(std::span(memory));
  const std::int64_t num_steps = reader.Integer();
  const std::string rng = reader.Text();
  reader.Finish();
  rng_.LoadState(rng);
  // Also forgets the warnings of an episode that broke off.
  mj_resetData(model_.get(), data_.get());
  mj_setState(model_.get(), data_.get(), physics.data(), mjSTATE_INTEGRATION);
  position_ = position;
  memory_ = std::move(memory);
  num_steps_ = num_steps;
}

EnvQuantities MujocoEnv::Describe() const {
  EnvQuantities quantities;
  DescribeObservation(quantities.observation);
  DescribeActions({*model_, task_.joints}, quantities.action);
  return quantities;
}

void MujocoEnv::StartFrom(const RecordedState& state, std::span<double> observation) {
  CheckObservationSize(observation.size());
  const auto get = [&](std::string_view name, int size) {
    return state.Get(spec_.id, name, static_cast<std::size_t>(size));
  };
  const std::span<const double> qpos = get("qpos", model_->nq);
  const std::span<const double> qvel = get("qvel", model_->nv);
  const std::span<const double> qacc_warmstart = get("qacc_warmstart", model_->nv);
  const double time = get("time", 1).front();
  mj_resetData(model_.get(), data_.get());
  std::ranges::copy(qpos, data_->qpos);
  std::ranges::copy(qvel, data_->qvel);
  data_->time = time;
  mj_forward(stepping_model_.get(), data_.get());
  // Last: whatever mj_forward does, the next step starts from the recorded value.
  std::ranges::copy(qacc_warmstart, data_->qacc_warmstart);
  num_steps_ = state.step;
  // x and y of the quantity whose change is the forward velocity, where it lags behind qpos and
  // therefore does not follow from it.
  position_ = state.Find("lagged_xy") != nullptr ? get("lagged_xy", 2).front() : Position();
  Remember(memory_);
  CheckWarnings();
  WriteObservation(observation);
}

}  // namespace duet::envs
