// Ten updates of two learners, written by tests/reference/updates.py into data/.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "agents/off_policy.h"
#include "tests/agents/support.h"

namespace duet::agents {

using nlohmann::json;

class ReferenceUpdates {
 public:
  // The case `name` of the file `data/<file>`.
  ReferenceUpdates(const std::string& file, const std::string& name) {
    const json data =
        json::parse(std::ifstream(DUET_SOURCE_DIR "/tests/agents/data/" + file), nullptr, true);
    shape_ = data["shape"];
    for (const json& each : data["cases"]) {
      if (each["name"] == name) case_ = each;
    }
  }

  const json& config() const { return case_["config"]; }

  // Settings that all agents with replay share.
  void Configure(OffPolicyConfig& c) const {
    c.hidden = shape_["hidden"].get<std::vector<std::int64_t>>();
    c.gamma = config()["gamma"];
    c.max_gradient_norm = config()["max_gradient_norm"];
    c.reward_scale = config()["reward_scale"];
    c.normalize_observations = config()["normalize_observations"];
    c.observation_clip = config()["observation_clip"];
  }

  void Configure(TargetNetworkConfig& c) const {
    Configure(static_cast<OffPolicyConfig&>(c));
    c.tau = config()["tau"];
  }

  AgentSpec spec() const {
    return {.envs = kSeen,  // all observations seen in one step
            .observation_size = shape_["observation"],
            .action_size = shape_["action"],
            .member_seeds = {1, 2},
            .replay_capacity = 100};
  }

  // Gives the agent the initial networks and observation statistics.
  void Prepare(Agent& agent, const std::vector<std::string>& networks) const {
    std::vector<Tensor> kept;  // the writer only refers to them
    const auto archive = Written([&](core::ArchiveWriter& writer) {
      agent.SavePolicy(writer);  // with statistics of nothing yet
      for (const std::string& network : networks) {
        for (const auto& [entry, parameters] : Parameters("initial", network)) {
          kept.push_back(parameters);
          SaveTensor(writer, entry, kept.back());
        }
      }
      for (const auto& [entry, rows] : Vectors("initial_vectors")) {
        kept.push_back(rows);
        SaveTensor(writer, entry, kept.back());
      }
    });
    agent.LoadPolicy(*archive, std::vector<std::int64_t>{0, 1});
    ShowObservations(agent);
  }

  // Takes the ten updates and compares the metrics after each and all networks at the end.
  void ExpectSame(Agent& agent, const std::vector<std::string>& networks, double tolerance) const {
    for (std::size_t update = 0; update < 10; ++update) {
      agent.UpdateOn(ReferenceBatch(update));
      ExpectSameMetrics(agent.TakeMetrics(), update, tolerance);
    }
    const auto archive = Written([&](core::ArchiveWriter& writer) { agent.Save(writer); });
    for (const std::string& network : networks) {
      for (const auto& [entry, parameters] : Parameters("final", network)) {
        EXPECT_LT(LargestDifference(ReadTensor(*archive, entry), parameters), tolerance) << entry;
      }
    }
    for (const auto& [entry, rows] : Vectors("final_vectors")) {
      EXPECT_LT(LargestDifference(ReadTensor(*archive, entry), rows), tolerance) << entry;
    }
  }

 private:
  static constexpr std::int64_t kSeen = 12;

  // The arrays found by `find` in every learner's record, as [M, …].
  template <typename Find>
  Tensor Stack(std::vector<std::int64_t> shape, const Find& find) const {
    std::vector<Tensor> parts;
    for (const json& member : case_["members"]) {
      const auto values = find(member).template get<std::vector<double>>();
      parts.push_back(at::tensor(values).to(at::kFloat).view(shape));
    }
    return at::stack(parts).contiguous();
  }

  // Name in the archive and value of every layer's weight and bias; the networks that a learner has
  // of one name are rows of a stack.
  std::vector<std::pair<std::string, Tensor>> Parameters(const std::string& when,
                                                         const std::string& network) const {
    std::vector<std::pair<std::string, Tensor>> all;
    const json& first = case_["members"][0][when][network];
    for (std::size_t layer = 0; layer < first[0].size(); ++layer) {
      const auto outputs = static_cast<std::int64_t>(first[0][layer][1].size());
      for (const std::size_t part : {0U, 1U}) {
        std::vector<Tensor> rows;
        for (std::size_t row = 0; row < first.size(); ++row) {
          rows.push_back(Stack({-1, outputs}, [&](const json& member) {
            return member[when][network][row][layer][part];
          }));
        }
        all.emplace_back(fmt::format("{}.{}.{}", network, layer, part == 0 ? "weight" : "bias"),
                         at::stack(rows, 1).flatten(0, 1).contiguous());
      }
    }
    return all;
  }

  // Name in the archive and value of what no layer holds, where there is anything.
  std::vector<std::pair<std::string, Tensor>> Vectors(const std::string& when) const {
    std::vector<std::pair<std::string, Tensor>> all;
    if (!case_["members"][0].contains(when)) return all;
    for (const auto& [entry, networks] : case_["members"][0][when].items()) {
      std::vector<Tensor> rows;
      for (std::size_t row = 0; row < networks.size(); ++row) {
        rows.push_back(Stack({-1}, [&](const json& member) { return member[when][entry][row]; }));
      }
      all.emplace_back(entry, at::stack(rows, 1).flatten(0, 1).unsqueeze(1).contiguous());
    }
    return all;
  }

  void ShowObservations(Agent& agent) const {
    const Tensor seen =
        Stack({kSeen, shape_["observation"]}, [](const json& m) { return m["seen"]; });
    const std::vector<float> observations(seen.const_data_ptr<float>(),
                                          seen.const_data_ptr<float>() + seen.numel());
    const std::vector<float> actions(static_cast<std::size_t>(2 * kSeen) *
                                     shape_["action"].get<std::size_t>());
    const std::vector<double> rewards(2 * kSeen);
    const std::vector<std::uint8_t> no(2 * kSeen);
    agent.Observe({observations, actions, rewards, observations, no, no});
  }

  Batch ReferenceBatch(std::size_t update) const {
    const std::int64_t b = shape_["batch"];
    const auto take = [&](std::size_t part, std::vector<std::int64_t> shape) {
      return Stack(std::move(shape),
                   [&](const json& member) { return member["batches"][update][part]; });
    };
    return {.observations = take(0, {b, shape_["observation"]}),
            .actions = take(1, {b, shape_["action"]}),
            .rewards = take(2, {b}),
            .next_observations = take(3, {b, shape_["observation"]}),
            .terminated = take(4, {b})};
  }

  void ExpectSameMetrics(const Metrics& metrics, std::size_t update, double tolerance) const {
    for (std::size_t m = 0; m < 2; ++m) {
      for (const auto& [name, value] : case_["members"][m]["metrics"][update].items()) {
        ASSERT_EQ(metrics.contains(name), !value.is_null()) << name << " of update " << update;
        if (value.is_null()) continue;
        EXPECT_NEAR(metrics.at(name)[m], value.template get<double>(), tolerance)
            << name << " of update " << update;
      }
    }
  }

  json shape_, case_;
};

}  // namespace duet::agents
