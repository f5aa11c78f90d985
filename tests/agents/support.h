// What the tests of agents share: files, random data, made-up experience.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "agents/agent.h"
#include "agents/registry.h"
#include "core/archive.h"
#include "core/random.h"

namespace duet::agents {

// What `save` wrote into an archive, read back from a file.
template <typename Save>
std::unique_ptr<core::ArchiveReader> Written(const Save& save) {
  core::ArchiveWriter writer;
  save(writer);
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = fmt::format("duet_{}_{}_{}", test->test_suite_name(), test->name(), getpid());
  for (char& c : name) c = c == '/' ? '_' : c;
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / name;
  writer.Write(path);
  auto reader = std::make_unique<core::ArchiveReader>(path);
  std::filesystem::remove(path);
  return reader;
}

inline Tensor RandomTensor(at::IntArrayRef shape, std::uint64_t seed) {
  core::Rng rng(seed);
  Tensor values = at::empty(shape);
  float* value = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) *value++ = static_cast<float>(rng.Normal());
  return values;
}

inline double LargestDifference(const Tensor& a, const Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// The gradient by a network's output where some samples have none: no sample of member 0 and about
// half of the others' have one.
inline Tensor WithDeadSamples(const Tensor& gradient) {
  Tensor live = RandomTensor({gradient.size(0), gradient.size(1), 1}, 9).gt(0.0);
  live[0].zero_();
  return gradient * live;
}

inline AgentSpec SmallSpec(std::vector<std::uint64_t> member_seeds = {1, 2}) {
  return {.envs = 1,
          .observation_size = 3,
          .action_size = 2,
          .member_seeds = std::move(member_seeds),
          .replay_capacity = 200};
}

// An algorithm on actions of one kind that it can take.
struct AgentCase {
  std::string_view algorithm;
  bool discrete;

  std::string name() const { return std::string(algorithm) + (discrete ? "_discrete" : ""); }
  // Lines of a settings file that make small what `hidden` does not, and short what takes long.
  std::string_view small_settings() const {
    return algorithm == "crossq" ? "critic_hidden = [16, 16]\nbatch_renorm.warmup_steps = 8\n" : "";
  }
  // SmallSpec, with three discrete actions where they are discrete.
  AgentSpec spec(std::vector<std::uint64_t> member_seeds) const {
    AgentSpec small = SmallSpec(std::move(member_seeds));
    if (discrete) {
      small.action_size = 1;
      small.num_actions = 3;
    }
    return small;
  }
};

inline void PrintTo(const AgentCase& agent_case, std::ostream* out) { *out << agent_case.name(); }

// Every algorithm of the table on every kind of actions that it can take.
inline std::vector<AgentCase> AgentCases() {
  std::vector<AgentCase> cases;
  for (const bool discrete : {false, true}) {
    for (const std::string_view name : AlgorithmsThatAct(discrete)) {
      cases.push_back({name, discrete});
    }
  }
  return cases;
}

// One step of every environment with the agent's own actions; what the world answers to a member
// depends on the member's seed and the step alone.
inline void ActAndObserve(Agent& agent, ActMode mode, std::uint64_t step) {
  const AgentSpec& spec = agent.spec();
  std::vector<float> observations, final_observations;
  std::vector<double> rewards;
  std::vector<std::uint8_t> terminated, truncated;
  for (const std::uint64_t seed : spec.member_seeds) {
    core::Rng rng(core::SplitSeed(seed, "world", step));
    for (std::int64_t e = 0; e < spec.envs; ++e) {
      for (std::int64_t i = 0; i < spec.observation_size; ++i) {
        observations.push_back(static_cast<float>(rng.Normal()));
        final_observations.push_back(static_cast<float>(rng.Normal()));
      }
      rewards.push_back(rng.Normal());
      terminated.push_back(rng.Uniform(0.0, 1.0) < 0.1 ? 1 : 0);
      truncated.push_back(rng.Uniform(0.0, 1.0) < 0.1 ? 1 : 0);
    }
  }
  std::vector<float> actions(rewards.size() * static_cast<std::size_t>(spec.action_size));
  agent.Act(observations, mode, actions);
  agent.Observe({observations, actions, rewards, final_observations, terminated, truncated});
}

// Steps and updates as a run has them: random actions first, then learning; or whatever is due
// where the agent itself says when it learns.
inline void Train(Agent& agent, std::uint64_t first_step, std::uint64_t num_steps) {
  constexpr std::uint64_t kWarmUp = 10;
  for (std::uint64_t step = first_step; step < first_step + num_steps; ++step) {
    const bool warm = agent.on_policy() || step >= kWarmUp;
    ActAndObserve(agent, warm ? ActMode::kExplore : ActMode::kRandom, step);
    if (!agent.on_policy() && warm) agent.Update();
    while (agent.on_policy() && agent.UpdateDue()) agent.Update();
  }
}

// All networks with their statistics and temperatures of an agent, by what it saves: [M, number of
// parameters].
inline Tensor Networks(const Agent& agent) {
  const auto archive = Written([&](core::ArchiveWriter& writer) { agent.Save(writer); });
  std::vector<Tensor> parts;
  for (const char* network :
       {"actor", "critic", "target_actor", "target_critic", "q", "target_q"}) {
    for (int layer = 0; archive->Has(fmt::format("{}.{}.weight", network, layer)); ++layer) {
      for (const char* part : {"weight", "bias"}) {
        parts.push_back(ReadTensor(*archive, fmt::format("{}.{}.{}", network, layer, part))
                            .reshape({agent.spec().members(), -1}));
      }
    }
    for (const char* part : {"free", "statistics"}) {
      const std::string entry = fmt::format("{}.{}", network, part);
      if (!archive->Has(entry)) continue;
      parts.push_back(ReadTensor(*archive, entry).reshape({agent.spec().members(), -1}));
    }
  }
  if (archive->Has("log_temperature")) parts.push_back(ReadTensor(*archive, "log_temperature"));
  return at::cat(parts, 1);
}

}  // namespace duet::agents
