#include "envs/stepping_limit.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "core/numpy_random.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/waiter.h"

namespace duet::envs {
namespace {

class BarePhysics : public RepeatedSteps {
 public:
  // Shares the model of `env`, and needs it to live as long.
  BarePhysics(std::unique_ptr<Env> env, std::span<const std::uint64_t> seeds)
      : env_(std::move(env)),
        task_(dynamic_cast<const MujocoEnv&>(env_->unwrapped()).task()),
        model_(dynamic_cast<const MujocoEnv&>(env_->unwrapped()).stepping_model()) {
    for (const std::uint64_t seed : seeds) {
      rngs_.emplace_back(seed);
      simulations_.push_back(MakeData(model_));
      DrawInitialState(task_, model_, rngs_.back(), *simulations_.back());
    }
  }

  void Step(const Recording& recording, std::int64_t step, std::int64_t env) override {
    const std::size_t place = recording.Place(step, env);
    mjData* const data = simulations_[static_cast<std::size_t>(env)].get();
    const float* const action = &recording.actions[place * static_cast<std::size_t>(model_.nu)];
    std::copy(action, action + model_.nu, data->ctrl);
    for (std::int64_t k = 0; k < task_.frame_skip; ++k) mj_step(&model_, data);
    if (task_.contact_forces) mj_rnePostConstraint(&model_, data);
    if (recording.ended[place] == 0) return;
    DrawInitialState(task_, model_, rngs_[static_cast<std::size_t>(env)], *data);
  }

  bool IsWhere(std::int64_t env, const Env& other) const override {
    const mjData& data = *simulations_[static_cast<std::size_t>(env)];
    const mjData& expected = dynamic_cast<const MujocoEnv&>(other.unwrapped()).data();
    return std::equal(data.qpos, data.qpos + model_.nq, expected.qpos) &&
           std::equal(data.qvel, data.qvel + model_.nv, expected.qvel);
  }

 private:
  std::unique_ptr<Env> env_;
  const MujocoTask& task_;
  const mjModel& model_;
  std::vector<DataHandle> simulations_;
  std::vector<core::NumpyRng> rngs_;
};

class DirectCalls : public RepeatedSteps {
 public:
  DirectCalls(const std::function<std::unique_ptr<Env>()>& make,
              std::span<const std::uint64_t> seeds) {
    for (const std::uint64_t seed : seeds) {
      envs_.push_back(make());
      const EnvSpec& spec = envs_.back()->spec();
      observations_.emplace_back(static_cast<std::size_t>(spec.observation_size));
      envs_.back()->Reset(seed, observations_.back());
    }
  }

  void Step(const Recording& recording, std::int64_t step, std::int64_t env) override {
    const std::size_t place = recording.Place(step, env);
    const auto i = static_cast<std::size_t>(env);
    const EnvSpec& spec = envs_[i]->spec();
    if (spec.discrete()) {
      envs_[i]->Step(recording.indices[place], observations_[i]);
    } else {
      const auto width = static_cast<std::size_t>(spec.action_size());
      envs_[i]->Step(std::span(recording.actions).subspan(place * width, width), observations_[i]);
    }
    if (recording.ended[place] != 0) envs_[i]->Reset(std::nullopt, observations_[i]);
  }

  bool IsWhere(std::int64_t env, const Env& other) const override {
    return envs_[static_cast<std::size_t>(env)]->SaveState() == other.SaveState();
  }

 private:
  std::vector<std::unique_ptr<Env>> envs_;
  std::vector<std::vector<double>> observations_;  // [N][O]
};

// The steps that a thread does, one at a time, under each schedule.
void RunOwnPart(RepeatedSteps& steps, const Recording& recording, std::int64_t thread,
                std::int64_t num_threads) {
  const std::int64_t begin = recording.num_envs * thread / num_threads;
  const std::int64_t end = recording.num_envs * (thread + 1) / num_threads;
  for (std::int64_t step = 0; step < recording.num_steps; ++step) {
    for (std::int64_t env = begin; env < end; ++env) steps.Step(recording, step, env);
  }
}

struct alignas(kCacheLine) Progress {
  std::atomic<std::int64_t> num_steps{0};
};

void RunTaking(RepeatedSteps& steps, const Recording& recording, std::atomic<std::int64_t>& next,
               std::vector<Progress>& progress) {
  const std::int64_t end = recording.num_steps * recording.num_envs;
  for (std::int64_t taken = next++; taken < end; taken = next++) {
    const std::int64_t step = taken / recording.num_envs;
    const std::int64_t env = taken % recording.num_envs;
    // The step before may still be running where there are few simulations.
    std::atomic<std::int64_t>& done = progress[static_cast<std::size_t>(env)].num_steps;
    while (done.load(std::memory_order_acquire) != step) std::this_thread::yield();
    steps.Step(recording, step, env);
    done.store(step + 1, std::memory_order_release);
  }
}

}  // namespace

SteppingLimit MakeSteppingLimit(const std::function<std::unique_ptr<Env>()>& make,
                                std::span<const std::uint64_t> seeds) {
  std::unique_ptr<Env> env = make();
  if (dynamic_cast<const MujocoEnv*>(&env->unwrapped()) != nullptr) {
    return {"mj_step", std::make_unique<BarePhysics>(std::move(env), seeds)};
  }
  return {"direct", std::make_unique<DirectCalls>(make, seeds)};
}

double Repeat(RepeatedSteps& steps, const Recording& recording, std::int64_t num_threads,
              Schedule schedule) {
  std::atomic<std::int64_t> next{0};
  std::vector<Progress> progress(static_cast<std::size_t>(recording.num_envs));
  const auto run = [&](std::int64_t thread) {
    switch (schedule) {
      case Schedule::kOwnPart:
        return RunOwnPart(steps, recording, thread, num_threads);
      case Schedule::kTaking:
        return RunTaking(steps, recording, next, progress);
    }
  };
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::int64_t thread = 1; thread < num_threads; ++thread) threads.emplace_back(run, thread);
    run(0);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace duet::envs
