// Updates that are recorded and repeated equal those that are called, for every agent that learns
// from replay: what a GPU needs, tested without one.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "agents/host_loops.h"
#include "agents/registry.h"
#include "core/config_reader.h"
#include "tests/agents/operation_recorder.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

// Records the first call and repeats it in all others.
class HostRecorder : public UpdateRecorder {
 public:
  void Run(const std::function<void()>& body) override {
    if (recorder_.size() > 0) return recorder_.Replay();
    recorder_.Record(body);
    EXPECT_GT(recorder_.size(), 20U);
    EXPECT_EQ(recorder_.host_reads(), std::vector<std::string>{});
  }

 private:
  OperationRecorder recorder_;
};

std::unique_ptr<Agent> Make(const AgentCase& agent_case, std::string_view more,
                            MakeRecorder recorder) {
  AgentConfig config;
  core::ConfigFile(fmt::format("algorithm = \"{}\"\nhidden = [16, 16]\nbatch_size = 16\n{}{}",
                               agent_case.algorithm, agent_case.small_settings(), more),
                   "recorded.toml", {})
      .Read(config);
  AgentSpec spec = agent_case.spec({1, 2, 3});
  spec.make_recorder = std::move(recorder);
  return MakeAgent(config, spec);
}

TEST(OperationRecorderTest, NumbersOfTheHostStayThoseOfTheRecording) {
  Tensor sum = at::zeros({2}), input = at::ones({2});
  double factor = 2.0;
  OperationRecorder recorder;
  recorder.Record([&] { sum.add_(input * factor); });
  factor = 100.0;
  input.fill_(3.0);
  recorder.Replay();
  EXPECT_EQ(sum[0].item<float>(), 2.0F + 6.0F);
}

TEST(OperationRecorderTest, NamesWhatReadsTheDevice) {
  OperationRecorder recorder;
  recorder.Record([&] { at::ones({2}).sum().item<float>(); });
  EXPECT_EQ(recorder.host_reads(), std::vector<std::string>{"aten::item"});
}

class RecordedUpdateTest : public testing::TestWithParam<AgentCase> {};

// An on-policy agent records nothing.
std::vector<AgentCase> ReplayLearners() {
  std::vector<AgentCase> cases = AgentCases();
  std::erase_if(cases, [](const AgentCase& each) { return each.algorithm == "ppo"; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Agents, RecordedUpdateTest, testing::ValuesIn(ReplayLearners()),
                         [](const auto& info) { return info.param.name(); });

TEST_P(RecordedUpdateTest, RepeatingARecordingIsUpdating) {
  const AtenOnly as_on_a_gpu;  // of the CPU's own products and loops the recorder sees nothing
  at::set_num_threads(1);      // the networks are too small for more
  std::vector<std::string_view> settings = {"", "n_step = 3\nnormalize_observations = true\n"};
  if (GetParam().algorithm == "dqn") {
    settings.push_back("dueling = true\ntarget_update_interval = 3\n");
  }
  for (const std::string_view more : settings) {
    const auto called = Make(GetParam(), more, {});
    const auto recorded = Make(GetParam(), more, [] { return std::make_unique<HostRecorder>(); });
    Train(*called, 0, 40);
    Train(*recorded, 0, 40);
    EXPECT_TRUE(Networks(*called).equal(Networks(*recorded))) << more;
    EXPECT_EQ(called->TakeMetrics(), recorded->TakeMetrics()) << more;
  }
}

}  // namespace
}  // namespace duet::agents
