// The compiled models against those of the reference implementation.
#include "envs/mujoco/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "envs/mujoco/model_fields.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "tests/envs/data_folder.h"

namespace duet::envs {
namespace {

using nlohmann::json;

// A number or a list {shape, data}, flat.
std::vector<double> Flat(const json& value) {
  if (value.is_number()) return {value.get<double>()};
  return value.at("data").get<std::vector<double>>();
}

// All numbers of the file under the names that VisitModelFields gives them.
std::map<std::string, std::vector<double>> Fields(const json& file) {
  std::map<std::string, std::vector<double>> fields;
  for (const auto& [name, value] : file.at("sizes").items()) fields[name] = Flat(value);
  for (const auto& [name, value] : file.at("opt").items()) fields["opt." + name] = Flat(value);
  for (const char* section : {"source", "derived"}) {
    for (const auto& [name, value] : file.at(section).items()) fields[name] = Flat(value);
  }
  return fields;
}

class ModelTest : public ::testing::TestWithParam<std::string> {
 protected:
  ModelTest()
      : env_(MakeEnv(GetParam())),
        simulation_(dynamic_cast<const MujocoEnv&>(env_->unwrapped())),
        reference_(ReadJson(DataFolder() / "models" / (GetParam() + ".json"))) {}

  const mjModel& model() const { return simulation_.model(); }
  const json& reference() const { return reference_; }
  const MujocoEnv& simulation() const { return simulation_; }

 private:
  std::unique_ptr<Env> env_;
  const MujocoEnv& simulation_;
  json reference_;
};

TEST_P(ModelTest, EveryFieldEqualsTheReference) {
  auto fields = Fields(reference());
  std::size_t num_compared = 0;
  VisitModelFields(model(), [&](const std::string& name, auto values) {
    const auto found = fields.find(name);
    if (found == fields.end()) {
      // Only arrays of things that this model does not have.
      EXPECT_TRUE(values.empty()) << name;
      return;
    }
    ASSERT_EQ(values.size(), found->second.size()) << name;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = found->second[i];
      EXPECT_NEAR(static_cast<double>(values[i]), expected, 1e-12 * std::abs(expected))
          << name << "[" << i << "]";
    }
    fields.erase(found);
    ++num_compared;
  });
  for (const auto& [name, values] : fields) ADD_FAILURE() << name << " is not compared";
  EXPECT_GT(num_compared, 100u);
}

TEST_P(ModelTest, DigestOfTheTableIsTheReferences) {
  const auto fields = Fields(reference());
  core::Sha256 digest;
  VisitModelFields(model(), [&](const std::string& name, auto) {
    digest.Update(name);
    const auto found = fields.find(name);
    if (found == fields.end()) return;
    std::vector<double> numbers = found->second;
    for (double& number : numbers) number += 0.0;  // one zero, not two
    digest.Update(std::as_bytes(std::span(numbers)));
  });
  EXPECT_EQ(DescribeEnv(GetParam()).reference_model_digest, digest.HexDigest());
}

TEST_P(ModelTest, ModelIsBitEqual) {
  EXPECT_EQ(ModelDigest(model()), DescribeEnv(GetParam()).reference_model_digest);
}

TEST_P(ModelTest, RestPositionGivesTheSameDerivedQuantities) {
  const DataHandle data = MakeData(model());
  mj_forward(&model(), data.get());
  const std::map<std::string, const double*> arrays = {
      {"xpos", data->xpos}, {"xipos", data->xipos},   {"geom_xpos", data->geom_xpos},
      {"qacc", data->qacc}, {"cinert", data->cinert},
  };
  const json& expected = reference().at("at_qpos0");
  for (const auto& [name, values] : arrays) {
    const std::vector<double> numbers = Flat(expected.at(name));
    ASSERT_FALSE(numbers.empty());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_NEAR(values[i], numbers[i], 1e-12 * std::max(1.0, std::abs(numbers[i])))
          << name << "[" << i << "]";
    }
  }
  EXPECT_EQ(data->ncon, expected.at("ncon").get<int>());
  EXPECT_EQ(data->nefc, expected.at("nefc").get<int>());
}

TEST_P(ModelTest, PartsHaveTheSameNames) {
  const std::map<std::string, mjtObj> kinds = {
      {"body", mjOBJ_BODY}, {"joint", mjOBJ_JOINT},   {"geom", mjOBJ_GEOM},
      {"site", mjOBJ_SITE}, {"tendon", mjOBJ_TENDON}, {"actuator", mjOBJ_ACTUATOR},
  };
  for (const auto& [kind, names] : reference().at("names").items()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const char* name = mj_id2name(&model(), kinds.at(kind), static_cast<int>(i));
      EXPECT_EQ(std::string(name == nullptr ? "" : name), names[i].get<std::string>()) << kind;
    }
  }
}

TEST_P(ModelTest, FrameSkipEqualsTheReference) {
  EXPECT_EQ(simulation().task().frame_skip, reference().at("frame_skip").get<std::int64_t>());
}

INSTANTIATE_TEST_SUITE_P(All, ModelTest, ::testing::ValuesIn(EnvIds(Engine::kMujoco)),
                         [](const ::testing::TestParamInfo<std::string>& param) {
                           return param.param.substr(0, param.param.find('-'));
                         });

}  // namespace
}  // namespace duet::envs
