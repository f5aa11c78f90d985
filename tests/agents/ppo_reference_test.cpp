// Two rollouts of five epochs beside those of an independent implementation in plain PyTorch;
// data/ppo.json is written by tests/reference/generate_ppo.py.
#include <fstream>
#include <nlohmann/json.hpp>

#include "agents/ppo.h"
#include "tests/agents/support.h"

namespace duet::agents {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-5;
constexpr std::size_t kMembers = 2;

const json& Reference() {
  static const json reference =
      json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/agents/data/ppo.json"));
  return reference;
}

class PpoReferenceTest : public testing::TestWithParam<std::string> {
 protected:
  PpoReferenceTest() {
    for (const json& each : Reference()["cases"]) {
      if (each["name"] == GetParam()) case_ = each;
    }
    const bool discrete = GetParam() == "discrete";
    spec_ = {.envs = shape("envs"),
             .observation_size = shape("observation"),
             .action_size = discrete ? 1 : shape("action"),
             .num_actions = discrete ? shape("num_actions") : 0,
             .member_seeds = {1, 2},
             .replay_capacity = 100};
    agent_ = MakePpo(Config(), spec_);
    LoadInitialNetworks();
  }

  static std::int64_t shape(const char* name) { return Reference()["shape"][name]; }
  const json& member(std::size_t m) const { return case_["members"][m]; }

  PpoConfig Config() const {
    const json& settings = case_["config"];
    PpoConfig config;
    config.hidden = Reference()["shape"]["hidden"].get<std::vector<std::int64_t>>();
    config.rollout_steps = shape("steps");
    config.batch_size = shape("steps") * shape("envs");
    config.epochs = shape("epochs");
    config.gamma = settings["gamma"];
    config.gae_lambda = settings["gae_lambda"];
    config.learning_rate = settings["learning_rate"];
    config.anneal_learning_rate = settings["anneal_learning_rate"];
    config.clip_range = settings["clip_range"];
    config.value_clip_range = settings["value_clip_range"];
    config.value_coef = settings["value_coef"];
    config.entropy_coef = settings["entropy_coef"];
    config.max_gradient_norm = settings["max_gradient_norm"];
    config.advantage_normalization = settings["normalize_advantages"]
                                         ? AdvantageNormalization::kMinibatch
                                         : AdvantageNormalization::kNone;
    config.recompute_advantages = settings["recompute_advantages"];
    config.activation = settings["activation"] == "tanh" ? Activation::kTanh : Activation::kRelu;
    config.initial_log_std = settings["initial_log_std"];
    config.normalize_observations = settings["normalize_observations"];
    config.observation_clip = settings["observation_clip"];
    config.normalize_rewards = settings["normalize_rewards"];
    config.reward_clip = settings["reward_clip"];
    return config;
  }

  // All parameters at "initial" or "final" as they are called in files, [M, in, out], [M, 1, out].
  std::map<std::string, Tensor> Parameters(const char* when) const {
    std::map<std::string, Tensor> parameters;
    for (const std::string network : {"actor", "critic"}) {
      std::vector<std::int64_t> sizes = Reference()["shape"]["hidden"];
      sizes.insert(sizes.begin(), spec_.observation_size);
      sizes.push_back(network == "critic"     ? 1
                      : spec_.num_actions > 0 ? spec_.num_actions
                                              : spec_.action_size);
      for (std::size_t layer = 0; layer + 1 < sizes.size(); ++layer) {
        for (const std::size_t part : {0, 1}) {
          parameters[fmt::format("{}.{}.{}", network, layer, part == 0 ? "weight" : "bias")] =
              Stack({part == 0 ? sizes[layer] : 1, sizes[layer + 1]},
                    [&](const json& m) { return m[when][network][layer][part]; });
        }
      }
    }
    if (spec_.num_actions == 0) {
      parameters["actor.free"] =
          Stack({1, spec_.action_size}, [&](const json& m) { return m[when]["log_std"]; });
    }
    return parameters;
  }

  template <typename Find>
  Tensor Stack(std::vector<std::int64_t> sizes, const Find& find) const {
    std::vector<Tensor> rows;
    for (std::size_t m = 0; m < kMembers; ++m) {
      const auto values = find(member(m)).template get<std::vector<double>>();
      rows.push_back(at::tensor(values).to(at::kFloat).view(sizes));
    }
    return at::stack(rows).contiguous();
  }

  void LoadInitialNetworks() {
    const std::map<std::string, Tensor> parameters = Parameters("initial");
    const auto archive = Written([&](core::ArchiveWriter& writer) {
      agent_->SavePolicy(writer);  // with statistics of nothing yet
      for (const auto& [name, values] : parameters) SaveTensor(writer, name, values);
    });
    agent_->LoadPolicy(*archive, std::vector<std::int64_t>{0, 1});
  }

  // Step `step` of part `part` of both members' rollouts.
  template <typename T>
  std::vector<T> Step(std::size_t rollout, std::size_t part, std::size_t step) const {
    std::vector<T> values;
    for (std::size_t m = 0; m < kMembers; ++m) {
      const json& all = member(m)["rollouts"][rollout][part];
      const std::size_t width = all.size() / static_cast<std::size_t>(shape("steps"));
      for (std::size_t i = 0; i < width; ++i) {
        values.push_back(static_cast<T>(all[step * width + i].get<double>()));
      }
    }
    return values;
  }

  void Show(std::size_t rollout) {
    for (std::size_t t = 0; t < static_cast<std::size_t>(shape("steps")); ++t) {
      agent_->Observe({.observations = Step<float>(rollout, 0, t),
                       .actions = Step<float>(rollout, 1, t),
                       .rewards = Step<double>(rollout, 2, t),
                       .final_observations = Step<float>(rollout, 3, t),
                       .terminated = Step<std::uint8_t>(rollout, 4, t),
                       .truncated = Step<std::uint8_t>(rollout, 5, t)});
    }
  }

  void ExpectLosses(std::size_t update) {
    const Metrics metrics = agent_->TakeMetrics();
    const char* const names[] = {"policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl",
                                 "clip_fraction"};
    for (std::size_t m = 0; m < kMembers; ++m) {
      const json& losses = member(m)["losses"][update];
      for (std::size_t i = 0; i < std::size(names); ++i) {
        EXPECT_NEAR(metrics.at(names[i])[m], losses[i].get<double>(), kTolerance)
            << names[i] << " of update " << update << " of member " << m;
      }
    }
  }

  json case_;
  AgentSpec spec_;
  std::unique_ptr<Agent> agent_;
};

INSTANTIATE_TEST_SUITE_P(Cases, PpoReferenceTest,
                         testing::Values("plain", "everything", "discrete"),
                         [](const auto& info) { return info.param; });

TEST_P(PpoReferenceTest, TenUpdatesEqualPlainPyTorch) {
  std::size_t update = 0;
  for (std::size_t rollout = 0; rollout < static_cast<std::size_t>(shape("rollouts")); ++rollout) {
    Show(rollout);
    agent_->SetProgress(0.5);  // where the second of two rollouts begins
    for (std::int64_t epoch = 0; epoch < shape("epochs"); ++epoch) {
      ASSERT_TRUE(agent_->UpdateDue());
      agent_->Update();
      ExpectLosses(update++);
      if (epoch > 0) continue;
      const auto archive = Written([&](core::ArchiveWriter& writer) { agent_->Save(writer); });
      const Tensor expected = Stack({shape("steps") * shape("envs")},
                                    [&](const json& m) { return m["advantages"][rollout]; });
      EXPECT_LT(LargestDifference(ReadTensor(*archive, "advantages"), expected), kTolerance);
    }
    ASSERT_FALSE(agent_->UpdateDue());
  }
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent_->Save(writer); });
  for (const auto& [name, expected] : Parameters("final")) {
    EXPECT_LT(LargestDifference(ReadTensor(*archive, name), expected), kTolerance) << name;
  }
}

}  // namespace
}  // namespace duet::agents
