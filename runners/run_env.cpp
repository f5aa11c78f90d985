#include "runners/run_env.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/config_writer.h"
#include "core/error.h"
#include "core/file.h"
#include "envs/mujoco/mjcf_env.h"
#include "envs/registry.h"
#include "envs/wrappers/action_wrappers.h"
#include "envs/wrappers/observation_wrappers.h"
#include "envs/wrappers/wrapper.h"

namespace duet::runners {
namespace {

constexpr std::int64_t kMany = 1'000'000'000'000;

constexpr std::string_view kTaskDescription =
    "a task of your own, with id = \"mjcf:FILE\"; see docs/environments.md";

// Actions in [-1, 1] mean the task's range; beyond, they are clipped. In the order of operations in
// which all published results of this project were computed, so it is not RescaleAction, whose last
// bits differ.
class UnitAction : public envs::Wrapper {
 public:
  explicit UnitAction(std::unique_ptr<envs::Env> env)
      : Wrapper("unit_action", std::move(env)), scaled_(spec().action_low.size()) {
    std::ranges::fill(mutable_spec().action_low, -1.0F);
    std::ranges::fill(mutable_spec().action_high, 1.0F);
  }

  envs::StepResult Step(envs::ActionView action, std::span<double> observation) override {
    ScaleActions(inner().spec(), BoxAction(spec(), action), scaled_);
    return inner().Step(scaled_, observation);
  }

  envs::EnvQuantities Describe() const override {
    envs::EnvQuantities quantities = inner().Describe();
    envs::AnnotateScaled(quantities.action, "scaled to [-1, 1]");
    return quantities;
  }

 private:
  std::vector<float> scaled_;
};

std::filesystem::path ModelPath(const EnvironmentConfig& config) {
  return config.id.substr(envs::kMjcfPrefix.size());
}

// "healthy_reward = 2", for those that differ from the task's own.
void AddOptions(const EnvironmentConfig& config, std::vector<std::string>& settings) {
  if (config.options.empty()) return;
  for (const envs::OptionFacts& option : envs::DescribeOptions(config.id)) {
    const auto given = config.options.find(option.name);
    if (given == config.options.end() || given->second == option.default_value) continue;
    settings.push_back(fmt::format("{} = {}", option.name, envs::ToText(given->second)));
  }
}

// "frame_stack = 4", for those that are on.
void AddWrappers(const WrapperConfig& c, std::vector<std::string>& settings) {
  const auto add = [&](std::string_view name, auto value, auto off) {
    if (value != off) settings.push_back(fmt::format("{} = {}", name, value));
  };
  add("action_delay", c.action_delay, 0);
  add("action_noise", c.action_noise, 0.0);
  add("observation_noise", c.observation_noise, 0.0);
  add("observation_delay", c.observation_delay, 0);
  add("frame_stack", c.frame_stack, 1);
}

}  // namespace

void VisitFields(core::FieldVisitor& v, WrapperConfig& c) {
  v.Field("action_delay", c.action_delay, {0, 10'000}, "steps until an action takes effect");
  v.Field("action_noise", c.action_noise, {0.0, 1e9},
          "standard deviation; 1: half the range of an action");
  v.Field("observation_noise", c.observation_noise, {0.0, 1e9},
          "standard deviation, in units of the observation");
  v.Field("observation_delay", c.observation_delay, {0, 10'000},
          "steps until an observation is seen");
  v.Field("frame_stack", c.frame_stack, {1, 1000}, "latest observations seen at once");
}

void VisitFields(core::FieldVisitor& v, EnvironmentConfig& c) {
  v.Field("id", c.id, "task, see `duet env list`; or mjcf:FILE, a task of your own");
  v.Field("max_episode_steps", c.max_episode_steps, {0, kMany},
          "steps after which an episode is cut off; 0: the task's own limit");
  v.Field("per_learner", c.per_learner, {1, 100'000},
          "environments that each learner acts in at once");
  v.FreeSection("options", c.options, "of the task, see `duet env show ID`");
  v.Section("wrappers", c.wrappers, "between the learner and the task");
  if (envs::IsModelFile(c.id)) v.Section("task", c.task, kTaskDescription);
}

void VisitFields(core::FieldVisitor& v, ModelTaskHelp& c) {
  v.Section("env.task", c.task, kTaskDescription);
}

std::string TaskId(const EnvironmentConfig& config) {
  if (!envs::IsModelFile(config.id)) return config.id;
  return std::string(envs::kMjcfPrefix) + ModelPath(config).filename().string();
}

std::string TaskName(const EnvironmentConfig& config) {
  std::vector<std::string> settings;
  if (envs::IsModelFile(config.id)) {
    core::Sha256 digest;
    digest.Update(core::ReadFile(ModelPath(config)));
    digest.Update(core::ToToml(config.task));
    settings.push_back(digest.HexDigest().substr(0, 8));
  }
  AddOptions(config, settings);
  if (config.max_episode_steps > 0) {
    settings.push_back(fmt::format("max_episode_steps = {}", config.max_episode_steps));
  }
  AddWrappers(config.wrappers, settings);
  if (settings.empty()) return TaskId(config);
  return fmt::format("{} ({})", TaskId(config), fmt::join(settings, ", "));
}

std::string AbsoluteId(const std::string& id, const std::filesystem::path& folder) {
  if (!envs::IsModelFile(id)) return id;
  const std::filesystem::path path = folder / id.substr(envs::kMjcfPrefix.size());
  return std::string(envs::kMjcfPrefix) +
         std::filesystem::absolute(path).lexically_normal().string();
}

std::unique_ptr<envs::Env> MakeTask(const EnvironmentConfig& config) {
  std::optional<std::int64_t> limit;
  if (config.max_episode_steps > 0) limit = config.max_episode_steps;
  if (!envs::IsModelFile(config.id)) return envs::MakeEnv(config.id, config.options, limit);
  envs::OptionReader(config.id, config.options).Finish();
  return envs::MakeModelEnv(config.id, config.task, limit);
}

std::unique_ptr<envs::Env> MakeRunEnv(const EnvironmentConfig& config) {
  std::unique_ptr<envs::Env> env = MakeTask(config);
  if (!env->spec().discrete()) env = std::make_unique<UnitAction>(std::move(env));
  const WrapperConfig& wrappers = config.wrappers;
  if (wrappers.action_noise > 0.0) {
    env = std::make_unique<envs::NoiseAction>(std::move(env), wrappers.action_noise);
  }
  if (wrappers.action_delay > 0) {
    env = std::make_unique<envs::DelayAction>(std::move(env), wrappers.action_delay);
  }
  if (wrappers.observation_noise > 0.0) {
    env = std::make_unique<envs::NoiseObservation>(std::move(env), wrappers.observation_noise);
  }
  if (wrappers.observation_delay > 0) {
    env = std::make_unique<envs::DelayObservation>(std::move(env), wrappers.observation_delay);
  }
  if (wrappers.frame_stack > 1) {
    env = std::make_unique<envs::FrameStack>(std::move(env), wrappers.frame_stack);
  }
  return env;
}

std::int64_t AgentActionSize(const envs::EnvSpec& spec) {
  return spec.discrete() ? 1 : spec.action_size();
}

envs::ActionView ToActionView(const envs::EnvSpec& spec, std::span<const float> action) {
  if (!spec.discrete()) return action;
  return static_cast<std::int64_t>(action[0]);
}

void ScaleActions(const envs::EnvSpec& spec, std::span<const float> actions,
                  std::span<float> scaled) {
  const std::size_t size = spec.action_low.size();
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const float low = spec.action_low[i % size];
    const float high = spec.action_high[i % size];
    scaled[i] = std::clamp(low + 0.5F * (actions[i] + 1.0F) * (high - low), low, high);
  }
}

}  // namespace duet::runners
