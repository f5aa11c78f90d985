// Options, spaces and first states of the MuJoCo tasks against those of the reference
// implementation; see tests/reference/generate_mujoco_tasks.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "tests/envs/data_folder.h"

namespace duet::envs {
namespace {

using nlohmann::json;

const json& Tasks() {
  static const json tasks = ReadJson(DataFolder() / "mujoco_tasks.json");
  return tasks;
}

double Bound(const json& value) {
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return value.get<double>();
}

OptionValue AsOption(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_array()) return Interval{Bound(value.at(0)), Bound(value.at(1))};
  return value.get<double>();
}

std::uint64_t Digest(const std::vector<double>& observation) {
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < observation.size(); ++i) {
    digest += std::bit_cast<std::uint64_t>(observation[i] + 0.0) * (2 * i + 1);
  }
  return digest;
}

TEST(MujocoReferenceTest, EveryTaskIsThere) {
  std::vector<std::string> expected;
  for (const json& task : Tasks()) expected.push_back(task.at("id"));
  EXPECT_EQ(EnvIds(Engine::kMujoco), expected);
}

TEST(MujocoReferenceTest, OptionsHaveTheSameNamesAndDefaults) {
  for (const json& task : Tasks()) {
    const std::string id = task.at("id");
    std::map<std::string, std::string> expected, found;
    for (const auto& [name, value] : task.at("options").items()) {
      expected[name] = ToText(AsOption(value));
    }
    for (const OptionFacts& option : DescribeOptions(id)) {
      found[option.name] = ToText(option.default_value);
    }
    EXPECT_EQ(found, expected) << id;
  }
}

TEST(MujocoReferenceTest, SpacesAndDurationsAreTheSame) {
  for (const json& task : Tasks()) {
    const std::unique_ptr<Env> env = MakeEnv(task.at("id").get<std::string>());
    const EnvSpec& spec = env->spec();
    EXPECT_EQ(spec.observation_size, task.at("observation_size")) << spec.id;
    EXPECT_EQ(spec.action_low, task.at("action_low").get<std::vector<float>>()) << spec.id;
    EXPECT_EQ(spec.action_high, task.at("action_high").get<std::vector<float>>()) << spec.id;
    EXPECT_EQ(spec.max_episode_steps, task.at("max_episode_steps")) << spec.id;
    EXPECT_EQ(spec.step_seconds, task.at("step_seconds")) << spec.id;
  }
}

class Resets {
 public:
  explicit Resets(const std::string& id)
      : env_(MakeEnv(id)), observation_(static_cast<std::size_t>(env_->spec().observation_size)) {}

  void Expect(std::optional<std::uint64_t> seed, const json& expected) {
    env_->Reset(seed, observation_);
    const auto& simulation = dynamic_cast<const MujocoEnv&>(env_->unwrapped());
    const mjModel& model = simulation.model();
    const double* qpos = simulation.data().qpos;
    const double* qvel = simulation.data().qvel;
    EXPECT_EQ(std::vector(qpos, qpos + model.nq), expected.at("qpos").get<std::vector<double>>());
    EXPECT_EQ(std::vector(qvel, qvel + model.nv), expected.at("qvel").get<std::vector<double>>());
    EXPECT_EQ(Digest(observation_), expected.at("digest").get<std::uint64_t>());
  }

  void StepTwice() {
    const std::vector<float> action(static_cast<std::size_t>(env_->spec().action_size()));
    for (int i = 0; i < 2; ++i) env_->Step(action, observation_);
  }

 private:
  std::unique_ptr<Env> env_;
  std::vector<double> observation_;
};

TEST(MujocoReferenceTest, SameSeedGivesTheSameStarts) {
  for (const json& task : Tasks()) {
    Resets resets(task.at("id"));
    for (const json& row : task.at("resets")) {
      SCOPED_TRACE(task.at("id").get<std::string>() + " seed " + row.at("seed").dump());
      resets.Expect(row.at("seed").get<std::uint64_t>(), row.at("states").at(0));
      resets.Expect(std::nullopt, row.at("states").at(1));
      resets.StepTwice();
      resets.Expect(std::nullopt, row.at("states").at(2));
    }
  }
}

}  // namespace
}  // namespace duet::envs
