// What the MuJoCo tasks say about their numbers.
#include "envs/mujoco/quantities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <variant>

#include "core/numpy_random.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"

namespace duet::envs {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::Field;

auto Is(const std::string& meaning, const std::string& unit) {
  return AllOf(Field(&Quantity::meaning, meaning), Field(&Quantity::unit, unit));
}

EnvQuantities Describe(const char* id, const EnvOptions& options = {}) {
  return MakeEnv(id, options)->Describe();
}

void ExpectComplete(const Env& env) {
  const EnvQuantities quantities = env.Describe();
  EXPECT_EQ(std::ssize(quantities.observation), env.spec().observation_size);
  EXPECT_EQ(std::ssize(quantities.action), env.spec().action_size());
  for (const auto* side : {&quantities.observation, &quantities.action}) {
    std::set<std::string> meanings;
    for (const Quantity& quantity : *side) {
      EXPECT_FALSE(quantity.meaning.empty());
      EXPECT_TRUE(meanings.insert(quantity.meaning).second) << quantity.meaning;
    }
  }
}

TEST(QuantitiesTest, EveryNumberHasAMeaningOfItsOwnUnderEveryLayout) {
  for (const std::string& id : EnvIds(Engine::kMujoco)) {
    SCOPED_TRACE(id);
    ExpectComplete(*MakeEnv(id));
    EnvOptions all;
    for (const OptionFacts& option : DescribeOptions(id)) {
      const bool* flag = std::get_if<bool>(&option.default_value);
      if (flag == nullptr) continue;
      ExpectComplete(*MakeEnv(id, {{option.name, !*flag}}));
      all[option.name] = !*flag;
    }
    ExpectComplete(*MakeEnv(id, all));
  }
}

TEST(QuantitiesTest, PlanarBodies) {
  const EnvQuantities walker = Describe("Walker2d-v5");
  EXPECT_THAT(walker.observation[0], Is("position of the torso along z", "m"));
  EXPECT_THAT(walker.observation[1], Is("angle of the torso", "rad"));
  EXPECT_THAT(walker.observation[3], Is("angle of the right knee", "rad"));
  EXPECT_THAT(walker.observation[8], Is("velocity of the torso along x, clipped to +-10", "m/s"));
  EXPECT_THAT(walker.observation[16],
              Is("angular velocity of the left ankle, clipped to +-10", "rad/s"));
  EXPECT_THAT(walker.action[4], Is("torque at the left knee", "100 N m"));
  const EnvQuantities placed =
      Describe("HalfCheetah-v5", {{"exclude_current_positions_from_observation", false}});
  EXPECT_THAT(placed.observation[0], Is("position of the torso along x", "m"));
  EXPECT_THAT(placed.observation[9], Is("velocity of the torso along x", "m/s"));
  EXPECT_THAT(placed.action[2], Is("torque at the hind ankle", "60 N m"));
  EXPECT_THAT(Describe("InvertedPendulum-v5").action[0], Is("force on the cart", "100 N"));
}

TEST(QuantitiesTest, AntFollowsItsOptions) {
  const EnvQuantities ant = Describe("Ant-v5", {{"contact_force_range", Interval{-0.5, 2.0}}});
  EXPECT_THAT(ant.observation[0], Is("position of the torso along z", "m"));
  EXPECT_THAT(ant.observation[1], Is("orientation of the torso: w of the quaternion", ""));
  EXPECT_THAT(ant.observation[5], Is("angle of the front left hip", "rad"));
  EXPECT_THAT(ant.observation[16],
              Is("angular velocity of the torso about its own x axis", "rad/s"));
  EXPECT_THAT(ant.observation[26], Is("angular velocity of the back right ankle", "rad/s"));
  EXPECT_THAT(
      ant.observation[104],
      Is("force of contacts on the back right lower leg along z, clipped to [-0.5, 2]", "N"));
  EXPECT_THAT(ant.action[0], Is("torque at the back right hip", "150 N m"));
  EXPECT_THAT(ant.action[3], Is("torque at the front left ankle", "150 N m"));
  const EnvQuantities bare = Describe("Ant-v5", {{"include_cfrc_ext_in_observation", false}});
  EXPECT_THAT(bare.observation.back(), Is("angular velocity of the back right ankle", "rad/s"));
}

TEST(QuantitiesTest, HumanoidFollowsItsOptions) {
  const EnvQuantities all = Describe("Humanoid-v5");
  EXPECT_THAT(all.observation[45].meaning,
              EndsWith("xx of the torso about the whole's centre of mass"));
  EXPECT_THAT(all.observation[54], Is("mass of the torso", "kg"));
  EXPECT_THAT(all.observation[175], Is("angular velocity of the torso about x", "rad/s"));
  EXPECT_THAT(all.observation[253], Is("torque at the abdomen about z from its motor", "N m"));
  EXPECT_THAT(all.observation[347], Is("force of contacts on the left lower arm along z", "N"));
  EXPECT_THAT(all.action[0], Is("torque at the abdomen about y", "100 N m"));
  EXPECT_THAT(all.action[6], Is("torque at the right knee", "200 N m"));
  const EnvQuantities some =
      Describe("HumanoidStandup-v5", {{"include_cinert_in_observation", false}});
  EXPECT_THAT(some.observation[45], Is("angular velocity of the torso about x", "rad/s"));
}

TEST(QuantitiesTest, ArmsNameWhatTheyObserve) {
  const EnvQuantities reacher = Describe("Reacher-v5");
  EXPECT_THAT(reacher.observation[1], Is("cosine of the angle of the elbow", ""));
  EXPECT_THAT(reacher.observation[4], Is("position of the target along x", "m"));
  EXPECT_THAT(reacher.observation[7], Is("angular velocity of the elbow", "rad/s"));
  const EnvQuantities pusher = Describe("Pusher-v5");
  EXPECT_THAT(pusher.observation[13], Is("angular velocity of the wrist roll", "rad/s"));
  EXPECT_THAT(pusher.observation[17], Is("position of the cylinder along x", "m"));
  EXPECT_THAT(pusher.action[6], Is("torque at the wrist roll", "N m"));
}

TEST(QuantitiesTest, WithoutWordsTheModelsNamesAreTaken) {
  const JointWords words{*SharedModel("humanoid"), {}};
  EXPECT_EQ(words[4], "right hip x");
}

// So that a later episode does not depend on the noise of an earlier one.
TEST(StateDrawTest, NoiseOfZeroDrawsAsMuchAsAnyOther) {
  const auto model = SharedModel("hopper");
  for (const StateDraw draw : {&DrawUniform, &DrawNormalVelocities}) {
    const DataHandle data = MakeData(*model);
    core::NumpyRng without(3), with(3);
    draw(*model, 0.0, without, *data);
    EXPECT_EQ(std::vector(data->qpos, data->qpos + model->nq),
              std::vector(model->qpos0, model->qpos0 + model->nq));
    EXPECT_EQ(std::vector(data->qvel, data->qvel + model->nv), std::vector<double>(6, 0.0));
    draw(*model, 0.1, with, *data);
    EXPECT_NE(data->qpos[0], 0.0);
    EXPECT_EQ(without.SaveState(), with.SaveState());
  }
}

}  // namespace
}  // namespace duet::envs
