// Ten updates beside those of an independent implementation in plain PyTorch; data/ddpg.json is
// written by tests/reference/generate_ddpg.py.
#include <fstream>
#include <nlohmann/json.hpp>

#include "agents/ddpg.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-5;

const json& Reference() {
  static const json reference =
      json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/agents/data/ddpg.json"));
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

class DdpgReferenceTest : public testing::TestWithParam<std::string> {
 protected:
  DdpgReferenceTest() {
    for (const json& each : Reference()["cases"]) {
      if (each["name"] == GetParam()) case_ = each;
    }
    const json& settings = case_["config"];
    config_.hidden = Reference()["shape"]["hidden"].get<std::vector<std::int64_t>>();
    config_.gamma = settings["gamma"];
    config_.tau = settings["tau"];
    config_.actor_learning_rate = settings["actor_learning_rate"];
    config_.critic_learning_rate = settings["critic_learning_rate"];
    config_.critic_l2 = settings["critic_l2"];
    config_.max_gradient_norm = settings["max_gradient_norm"];
    config_.reward_scale = settings["reward_scale"];
    config_.normalize_observations = settings["normalize_observations"];
    config_.observation_clip = settings["observation_clip"];
    agent_ = MakeDdpg(config_, {.envs = 12,  // all observations seen in one step
                                .observation_size = o_,
                                .action_size = a_,
                                .member_seeds = {1, 2},
                                .replay_capacity = 100});
  }

  const json& members() const { return case_["members"]; }

  std::vector<std::int64_t> Sizes(const std::string& network) const {
    const bool actor = network.ends_with("actor");
    std::vector<std::int64_t> sizes = {actor ? o_ : o_ + a_};
    sizes.insert(sizes.end(), config_.hidden.begin(), config_.hidden.end());
    sizes.push_back(actor ? a_ : 1);
    return sizes;
  }

  // Weight (part 0) or bias (part 1) of a layer at "initial" or "final".
  Tensor Parameters(const char* when, const std::string& network, std::size_t layer,
                    int part) const {
    const std::vector<std::int64_t> sizes = Sizes(network);
    return Stack(members(), {part == 0 ? sizes[layer] : 1, sizes[layer + 1]},
                 [&](const json& member) { return member[when][network][layer][part]; });
  }

  void LoadInitialNetworks() {
    std::vector<Tensor> kept;  // the writer only refers to them
    const auto archive = Written([&](core::ArchiveWriter& writer) {
      agent_->SavePolicy(writer);  // with statistics of nothing yet
      for (const std::string network : {"actor", "critic"}) {
        for (std::size_t layer = 0; layer + 1 < Sizes(network).size(); ++layer) {
          for (const int part : {0, 1}) {
            kept.push_back(Parameters("initial", network, layer, part));
            SaveTensor(writer,
                       fmt::format("{}.{}.{}", network, layer, part == 0 ? "weight" : "bias"),
                       kept.back());
          }
        }
      }
    });
    agent_->LoadPolicy(*archive, std::vector<std::int64_t>{0, 1});
  }

  void ShowObservations() {
    const Tensor seen = Stack(members(), {12, o_}, [](const json& m) { return m["seen"]; });
    const std::vector<float> observations(seen.const_data_ptr<float>(),
                                          seen.const_data_ptr<float>() + seen.numel());
    const std::vector<float> actions(static_cast<std::size_t>(2 * 12 * a_));
    const std::vector<double> rewards(2 * 12);
    const std::vector<std::uint8_t> no(2 * 12);
    agent_->Observe({observations, actions, rewards, observations, no, no});
  }

  Batch ReferenceBatch(std::size_t update) const {
    const std::int64_t b = Reference()["shape"]["batch"];
    const auto take = [&](std::size_t part, std::vector<std::int64_t> shape) {
      return Stack(members(), std::move(shape),
                   [&](const json& member) { return member["batches"][update][part]; });
    };
    return {.observations = take(0, {b, o_}),
            .actions = take(1, {b, a_}),
            .rewards = take(2, {b}),
            .next_observations = take(3, {b, o_}),
            .terminated = take(4, {b})};
  }

  const std::int64_t o_ = Reference()["shape"]["observation"];
  const std::int64_t a_ = Reference()["shape"]["action"];
  json case_;
  DdpgConfig config_;
  std::unique_ptr<Agent> agent_;
};

INSTANTIATE_TEST_SUITE_P(Cases, DdpgReferenceTest, testing::Values("plain", "everything"),
                         [](const auto& info) { return info.param; });

TEST_P(DdpgReferenceTest, TenUpdatesEqualPlainPyTorch) {
  LoadInitialNetworks();
  ShowObservations();
  for (std::size_t update = 0; update < 10; ++update) {
    agent_->UpdateOn(ReferenceBatch(update));
    Metrics metrics = agent_->TakeMetrics();
    for (std::size_t m = 0; m < 2; ++m) {
      const json& losses = members()[m]["losses"][update];
      EXPECT_NEAR(metrics["critic_loss"][m], losses[0].get<double>(), kTolerance) << update;
      EXPECT_NEAR(metrics["actor_loss"][m], losses[1].get<double>(), kTolerance) << update;
      EXPECT_NEAR(metrics["q_mean"][m], losses[2].get<double>(), kTolerance) << update;
    }
  }
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent_->Save(writer); });
  for (const std::string network : {"actor", "critic", "target_actor", "target_critic"}) {
    for (std::size_t layer = 0; layer + 1 < Sizes(network).size(); ++layer) {
      for (const int part : {0, 1}) {
        const std::string name =
            fmt::format("{}.{}.{}", network, layer, part == 0 ? "weight" : "bias");
        EXPECT_LT(LargestDifference(ReadTensor(*archive, name),
                                    Parameters("final", network, layer, part)),
                  kTolerance)
            << name;
      }
    }
  }
}

}  // namespace
}  // namespace duet::agents
