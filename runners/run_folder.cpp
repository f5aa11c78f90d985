#include "runners/run_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "core/archive.h"
#include "core/config_reader.h"
#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"

namespace duet::runners {

std::vector<RunFolder> FindTrainedRuns(const std::filesystem::path& folder) {
  // Without a slash at the end, which would leave no name.
  const std::filesystem::path path = folder.has_filename() ? folder : folder.parent_path();
  if (std::filesystem::exists(RunFolder{path}.policy())) return {{path}};
  std::vector<RunFolder> found;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(path / "methods", code)) {
    const RunFolder run{entry.path()};
    if (std::filesystem::exists(run.policy())) found.push_back(run);
  }
  std::sort(found.begin(), found.end(),
            [](const RunFolder& a, const RunFolder& b) { return a.path < b.path; });
  if (found.empty()) {
    throw IoError(
        fmt::format("{}: there is no policy.safetensors; allowed is the folder of a finished run",
                    path.string()));
  }
  return found;
}

std::string PolicySizes::Text() const {
  return num_actions > 0
             ? fmt::format("{} observations and {} discrete actions", observation_size, num_actions)
             : fmt::format("{} observations and {} actions", observation_size, action_size);
}

PolicySizes SizesOf(const envs::EnvSpec& spec) {
  return {.observation_size = spec.observation_size,
          .action_size = AgentActionSize(spec),
          .num_actions = spec.num_actions};
}

void SavePolicyFile(const std::filesystem::path& path, const agents::Agent& agent,
                    const PolicyFacts& facts) {
  core::ArchiveWriter archive;
  archive.AddText("kind", "policy");
  archive.AddText("env_id", facts.env_id);
  archive.AddNumber("observation_size", facts.observation_size);
  archive.AddNumber("action_size", facts.action_size);
  archive.AddNumber("num_actions", facts.num_actions);
  archive.AddText("seeds", fmt::format("{}", fmt::join(facts.seeds, " ")));
  archive.AddNumber("learners", facts.learners);
  archive.AddNumber("env_steps_total", facts.env_steps_total);
  archive.AddText("agent", core::ToToml(facts.agent));
  agent.SavePolicy(archive);
  archive.Write(path);
}

namespace {

PolicyFacts ReadFacts(const core::ArchiveReader& archive) {
  if (!archive.Has("kind") || archive.GetText("kind") != "policy") {
    throw IoError(fmt::format("{}: holds no policy; allowed is the policy.safetensors of a run",
                              archive.path().string()));
  }
  PolicyFacts facts;
  facts.env_id = archive.GetText("env_id");
  facts.observation_size = archive.GetNumber("observation_size");
  facts.action_size = archive.GetNumber("action_size");
  // Files from before there were discrete actions do not say.
  if (archive.Has("num_actions")) facts.num_actions = archive.GetNumber("num_actions");
  facts.learners = archive.GetNumber("learners");
  facts.env_steps_total = archive.GetNumber("env_steps_total");
  std::istringstream seeds(archive.GetText("seeds"));
  for (std::int64_t seed = 0; seeds >> seed;) facts.seeds.push_back(seed);
  core::ConfigFile(archive.GetText("agent"), archive.path().string(), {}).Read(facts.agent);
  return facts;
}

}  // namespace

PolicyFacts ReadPolicyFacts(const std::filesystem::path& path) {
  return ReadFacts(core::ArchiveReader(path));
}

EnvironmentConfig RunEnvironment(const std::filesystem::path& policy) {
  const std::filesystem::path settings = RunFolder{policy.parent_path()}.config();
  EnvironmentConfig env;
  if (std::filesystem::exists(settings)) {
    core::ConfigFile(settings, {}).ReadSection("env", env);
  } else {
    env.id = ReadPolicyFacts(policy).env_id;
  }
  return env;
}

void CheckSizes(const PolicyFacts& facts, const std::filesystem::path& policy,
                const envs::EnvSpec& env) {
  const PolicySizes sizes = SizesOf(env);
  if (facts.sizes() == sizes) return;
  throw ConfigError(fmt::format("{}: is for {}; {} has {} with these settings", policy.string(),
                                facts.sizes().Text(), env.id, sizes.Text()));
}

std::unique_ptr<agents::Agent> LoadFrozenAgent(const std::filesystem::path& policy_path,
                                               std::span<const std::int64_t> members,
                                               std::span<const std::uint64_t> seeds,
                                               std::int64_t replay_capacity, at::Device device) {
  const core::ArchiveReader archive(policy_path);
  const PolicyFacts facts = ReadFacts(archive);
  agents::AgentSpec spec{.envs = 1,
                         .observation_size = facts.observation_size,
                         .action_size = facts.action_size,
                         .num_actions = facts.num_actions,
                         .member_seeds = {seeds.begin(), seeds.end()},
                         .replay_capacity = replay_capacity,
                         .device = device};
  std::unique_ptr<agents::Agent> agent = agents::MakeAgent(facts.agent, spec);
  agent->LoadPolicy(archive, members);
  agent->SetProgress(1.0);  // what it explores, it explores as at the end of its training
  return agent;
}

}  // namespace duet::runners
