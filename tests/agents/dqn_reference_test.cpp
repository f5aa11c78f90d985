// Ten updates beside those of an independent implementation in plain PyTorch; data/dqn.json is
// written by tests/reference/generate_dqn.py.
#include <fstream>
#include <nlohmann/json.hpp>

#include "agents/dqn.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-5;
constexpr std::int64_t kSeen = 12;  // observations that the statistics are of

const json& Reference() {
  static const json reference =
      json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/agents/data/dqn.json"));
  return reference;
}

// The arrays found by `find` in every member's record, as [M, …].
template <typename Find>
Tensor Stack(const json& members, std::vector<std::int64_t> shape, const Find& find) {
  std::vector<Tensor> parts;
  for (const json& member : members) {
    const auto values = find(member).template get<std::vector<double>>();
    parts.push_back(at::tensor(values).to(at::kFloat).view(shape));
  }
  return at::stack(parts).contiguous();
}

DqnConfig ConfigOf(const json& settings) {
  DqnConfig config;
  config.hidden = Reference()["shape"]["hidden"].get<std::vector<std::int64_t>>();
  config.gamma = settings["gamma"];
  config.tau = settings["tau"];
  config.learning_rate = settings["learning_rate"];
  config.double_q = settings["double_q"];
  config.dueling = settings["dueling"];
  config.huber_delta = settings["huber_delta"];
  config.target_update_interval = settings["target_update_interval"];
  config.max_gradient_norm = settings["max_gradient_norm"];
  config.reward_scale = settings["reward_scale"];
  config.normalize_observations = settings["normalize_observations"];
  config.observation_clip = settings["observation_clip"];
  return config;
}

class DqnReferenceTest : public testing::TestWithParam<std::string> {
 protected:
  DqnReferenceTest() {
    for (const json& each : Reference()["cases"]) {
      if (each["name"] == GetParam()) case_ = each;
    }
    config_ = ConfigOf(case_["config"]);
    agent_ = MakeDqn(config_, {.envs = kSeen,  // all observations seen in one step
                               .observation_size = o_,
                               .action_size = 1,
                               .num_actions = c_,
                               .member_seeds = {1, 2},
                               .replay_capacity = 100});
  }

  const json& members() const { return case_["members"]; }

  std::vector<std::int64_t> Sizes() const {
    std::vector<std::int64_t> sizes = {o_};
    sizes.insert(sizes.end(), config_.hidden.begin(), config_.hidden.end());
    sizes.push_back(config_.dueling ? c_ + 1 : c_);
    return sizes;
  }

  static std::string Name(const std::string& network, std::size_t layer, int part) {
    return fmt::format("{}.{}.{}", network, layer, part == 0 ? "weight" : "bias");
  }

  // Weight (part 0) or bias (part 1) of a layer at "initial" or "final".
  Tensor Parameters(const char* when, const std::string& network, std::size_t layer,
                    int part) const {
    return Stack(members(), {part == 0 ? Sizes()[layer] : 1, Sizes()[layer + 1]},
                 [&](const json& member) { return member[when][network][layer][part]; });
  }

  void LoadInitialNetwork() {
    std::vector<Tensor> kept;  // the writer only refers to them
    const auto archive = Written([&](core::ArchiveWriter& writer) {
      agent_->SavePolicy(writer);  // with statistics of nothing yet
      for (std::size_t layer = 0; layer + 1 < Sizes().size(); ++layer) {
        for (const int part : {0, 1}) {
          kept.push_back(Parameters("initial", "q", layer, part));
          SaveTensor(writer, Name("q", layer, part), kept.back());
        }
      }
    });
    agent_->LoadPolicy(*archive, std::vector<std::int64_t>{0, 1});
  }

  void ShowObservations() {
    const Tensor seen = Stack(members(), {kSeen, o_}, [](const json& m) { return m["seen"]; });
    const std::vector<float> observations(seen.const_data_ptr<float>(),
                                          seen.const_data_ptr<float>() + seen.numel());
    const std::vector<float> actions(2 * kSeen);
    const std::vector<double> rewards(2 * kSeen);
    const std::vector<std::uint8_t> no(2 * kSeen);
    agent_->Observe({observations, actions, rewards, observations, no, no});
  }

  Batch ReferenceBatch(std::size_t update) const {
    const std::int64_t b = Reference()["shape"]["batch"];
    const auto take = [&](std::size_t part, std::vector<std::int64_t> shape) {
      return Stack(members(), std::move(shape),
                   [&](const json& member) { return member["batches"][update][part]; });
    };
    return {.observations = take(0, {b, o_}),
            .actions = take(1, {b, 1}),
            .rewards = take(2, {b}),
            .next_observations = take(3, {b, o_}),
            .terminated = take(4, {b})};
  }

  const std::int64_t o_ = Reference()["shape"]["observation"];
  const std::int64_t c_ = Reference()["shape"]["actions"];
  json case_;
  DqnConfig config_;
  std::unique_ptr<Agent> agent_;
};

INSTANTIATE_TEST_SUITE_P(Cases, DqnReferenceTest,
                         testing::Values("plain", "nature", "everything", "squared"),
                         [](const auto& info) { return info.param; });

TEST_P(DqnReferenceTest, TenUpdatesEqualPlainPyTorch) {
  LoadInitialNetwork();
  ShowObservations();
  for (std::size_t update = 0; update < 10; ++update) {
    agent_->UpdateOn(ReferenceBatch(update));
    Metrics metrics = agent_->TakeMetrics();
    for (std::size_t m = 0; m < 2; ++m) {
      const json& losses = members()[m]["losses"][update];
      EXPECT_NEAR(metrics["loss"][m], losses[0].get<double>(), kTolerance) << update;
      EXPECT_NEAR(metrics["q_mean"][m], losses[1].get<double>(), kTolerance) << update;
    }
  }
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent_->Save(writer); });
  for (const std::string network : {"q", "target_q"}) {
    for (std::size_t layer = 0; layer + 1 < Sizes().size(); ++layer) {
      for (const int part : {0, 1}) {
        EXPECT_LT(LargestDifference(ReadTensor(*archive, Name(network, layer, part)),
                                    Parameters("final", network, layer, part)),
                  kTolerance)
            << Name(network, layer, part);
      }
    }
  }
}

}  // namespace
}  // namespace duet::agents
