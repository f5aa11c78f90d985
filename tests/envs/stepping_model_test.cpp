// The model that environments step and the compiled one, side by side.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/random.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"

namespace duet::envs {
namespace {

// A simulation of the compiled model that goes the way of an environment.
class Companion {
 public:
  explicit Companion(const MujocoEnv& env) : env_(env), data_(MakeData(env.model())) {}

  void TakeState() {
    constexpr int kState = mjSTATE_INTEGRATION;
    std::vector<double> state(static_cast<std::size_t>(mj_stateSize(&env_.model(), kState)));
    mj_getState(&env_.model(), &env_.data(), state.data(), kState);
    mj_setState(&env_.model(), data_.get(), state.data(), kState);
  }

  void Step(const std::vector<float>& action) {
    std::ranges::copy(action, data_->ctrl);
    for (std::int64_t i = 0; i < env_.task().frame_skip; ++i) mj_step(&env_.model(), data_.get());
    if (env_.task().contact_forces) mj_rnePostConstraint(&env_.model(), data_.get());
  }

  bool Agrees() const {
    const mjModel& model = env_.model();
    const auto equal = [](const mjtNum* a, const mjtNum* b, int size) {
      return std::equal(a, a + size, b);
    };
    const mjData& other = env_.data();
    return equal(data_->qpos, other.qpos, model.nq) && equal(data_->qvel, other.qvel, model.nv) &&
           equal(data_->qacc_warmstart, other.qacc_warmstart, model.nv) &&
           equal(data_->qfrc_actuator, other.qfrc_actuator, model.nv) &&
           equal(data_->cfrc_ext, other.cfrc_ext, 6 * model.nbody) &&
           equal(data_->xipos, other.xipos, 3 * model.nbody);
  }

 private:
  const MujocoEnv& env_;
  DataHandle data_;
};

// Where the task allows it, episodes go on after a fall, so that bodies also lie on the ground.
EnvOptions WithoutEnd(const std::string& id) {
  for (const OptionFacts& option : DescribeOptions(id)) {
    if (option.name == "terminate_when_unhealthy") return {{option.name, false}};
  }
  return {};
}

void ExpectAgreement(const std::string& id) {
  const std::unique_ptr<Env> env = MakeEnv(id, WithoutEnd(id));
  const auto* mujoco = dynamic_cast<const MujocoEnv*>(&env->unwrapped());
  if (mujoco == nullptr) return;
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation_size));
  std::vector<float> action(env->spec().action_low.size());
  Companion companion(*mujoco);
  core::Rng rng(1);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    env->Reset(seed, observation);
    companion.TakeState();
    for (int step = 0; step < 150; ++step) {
      for (std::size_t j = 0; j < action.size(); ++j) {
        action[j] =
            static_cast<float>(rng.Uniform(env->spec().action_low[j], env->spec().action_high[j]));
      }
      const StepResult result = env->Step(action, observation);
      companion.Step(action);
      ASSERT_TRUE(companion.Agrees()) << id << ", seed " << seed << ", step " << step;
      if (!result.terminated && !result.truncated) continue;
      env->Reset(std::nullopt, observation);
      companion.TakeState();
    }
  }
}

TEST(SteppingModelTest, ResultsAreThoseOfTheCompiledModelBitForBit) {
  for (const std::string& id : EnvIds()) ExpectAgreement(id);
}

TEST(SteppingModelTest, IslandsAreLeftOutWhereThereCanBeOnlyOne) {
  for (const char* name : {"half_cheetah", "hopper", "walker2d", "humanoid", "ant", "swimmer"}) {
    EXPECT_EQ(SharedModel(name)->opt.disableflags & mjDSBL_ISLAND, 0) << name;
    EXPECT_NE(SteppingModel(name)->opt.disableflags & mjDSBL_ISLAND, 0) << name;
  }
  EXPECT_EQ(SteppingModel("pusher"), SharedModel("pusher"));
}

}  // namespace
}  // namespace duet::envs
