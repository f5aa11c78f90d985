// What only a GPU can show. recorded_update_test.cpp has what can be shown without one.
#include <gtest/gtest.h>

#include <ATen/Context.h>

#include "agents/registry.h"
#include "core/config_reader.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

class Calls : public UpdateRecorder {
 public:
  void Run(const std::function<void()>& body) override { body(); }
};

std::unique_ptr<Agent> Make(const AgentCase& agent_case, at::Device device,
                            MakeRecorder recorder = {}) {
  AgentConfig config;
  core::ConfigFile(fmt::format("algorithm = \"{}\"\nhidden = [32, 32]\n{}{}", agent_case.algorithm,
                               agent_case.algorithm == "ppo" ? "" : "batch_size = 16\n",
                               agent_case.small_settings()),
                   "gpu.toml", {})
      .Read(config);
  AgentSpec spec = agent_case.spec({1, 2, 3});
  spec.device = device;
  spec.make_recorder = std::move(recorder);
  return MakeAgent(config, spec);
}

class GpuTest : public testing::TestWithParam<AgentCase> {
 protected:
  void SetUp() override {
    if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no CUDA device is usable here";
  }
};

INSTANTIATE_TEST_SUITE_P(Agents, GpuTest, testing::ValuesIn(AgentCases()),
                         [](const auto& info) { return info.param.name(); });

Batch RandomBatch(const AgentSpec& spec, std::uint64_t seed) {
  const std::int64_t m = spec.members(), b = 16;
  Tensor actions = RandomTensor({m, b, spec.action_size}, seed + 1).clamp(-1.0, 1.0);
  if (spec.discrete()) actions = (actions.abs() * 2.9).floor();
  return {.observations = RandomTensor({m, b, spec.observation_size}, seed),
          .actions = actions,
          .rewards = RandomTensor({m, b}, seed + 2),
          .next_observations = RandomTensor({m, b, spec.observation_size}, seed + 3),
          .terminated = RandomTensor({m, b}, seed + 4).gt(1.0).to(at::kFloat)};
}

Batch On(const Batch& batch, at::Device device) {
  return {.observations = batch.observations.to(device),
          .actions = batch.actions.to(device),
          .rewards = batch.rewards.to(device),
          .next_observations = batch.next_observations.to(device),
          .terminated = batch.terminated.to(device)};
}

TEST_P(GpuTest, UpdatesAreThoseOfTheCpu) {
  const auto host = Make(GetParam(), at::kCPU), gpu = Make(GetParam(), at::kCUDA);
  if (host->on_policy()) {
    Train(*host, 0, 64);
    Train(*gpu, 0, 64);
  } else {
    for (std::uint64_t i = 0; i < 10; ++i) {
      const Batch batch = RandomBatch(host->spec(), 10 * i);
      host->UpdateOn(batch);
      gpu->UpdateOn(On(batch, at::kCUDA));
    }
  }
  EXPECT_LT(LargestDifference(Networks(*host), Networks(*gpu)), 2e-4);
}

TEST_P(GpuTest, RecordedUpdatesAreThoseThatAreCalled) {
  const auto called = Make(GetParam(), at::kCUDA, [] { return std::make_unique<Calls>(); });
  const auto recorded = Make(GetParam(), at::kCUDA);
  Train(*called, 0, 60);
  Train(*recorded, 0, 60);
  EXPECT_LT(LargestDifference(Networks(*called), Networks(*recorded)), 1e-5);
}

TEST_P(GpuTest, GoesOnExactlyFromACheckpoint) {
  const auto whole = Make(GetParam(), at::kCUDA), half = Make(GetParam(), at::kCUDA);
  Train(*whole, 0, 60);
  Train(*half, 0, 30);
  const auto saved = Written([&](core::ArchiveWriter& archive) { half->Save(archive); });
  const auto resumed = Make(GetParam(), at::kCUDA);
  resumed->Load(*saved);
  Train(*resumed, 30, 30);
  EXPECT_TRUE(Networks(*whole).equal(Networks(*resumed)));
}

}  // namespace
}  // namespace duet::agents
