#include "envs/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "envs/box2d/bipedal_walker.h"
#include "envs/box2d/lunar_lander.h"
#include "envs/classic/acrobot.h"
#include "envs/classic/cart_pole.h"
#include "envs/classic/mountain_car_continuous.h"
#include "envs/classic/pendulum.h"
#include "envs/mujoco/ant.h"
#include "envs/mujoco/half_cheetah.h"
#include "envs/mujoco/hopper.h"
#include "envs/mujoco/humanoid.h"
#include "envs/mujoco/humanoid_standup.h"
#include "envs/mujoco/inverted_double_pendulum.h"
#include "envs/mujoco/inverted_pendulum.h"
#include "envs/mujoco/mjcf_env.h"
#include "envs/mujoco/pusher.h"
#include "envs/mujoco/reacher.h"
#include "envs/mujoco/swimmer.h"
#include "envs/mujoco/walker2d.h"
#include "envs/time_limit.h"

namespace duet::envs {
namespace {

// Plain equations and Box2D without FMA give the recorded observations bit for bit. Rewards are
// sums of few terms.
constexpr ReplayTolerance kBitEqual = {.observation = 0.0, .reward = 1e-10};
// The same engine on a bit-equal model; a compiler may sum a reward's terms in another order.
constexpr ReplayTolerance kMujocoEpisode = {.observation = 1e-12, .reward = 1e-12};
constexpr double kMujocoWindowReward = 1e-6;

constexpr auto kEnvs = std::to_array<EnvEntry>({
    {"Acrobot-v1", Engine::kEquations, 500, &MakeAcrobot,
     "swing the end of a double pendulum above the bar"},
    {"Ant-v5", Engine::kMujoco, 1000, &MakeAnt,
     "run to the right on four legs without falling over", 1e-8,
     "d0f405d9d6043842b171d377d9c559e4585a785ed627e501b543d28e547895ce"},
    {"BipedalWalker-v3", Engine::kBox2d, 1600, &MakeBipedalWalker,
     "walk to the right on two legs over gently rolling ground"},
    {"BipedalWalkerHardcore-v3", Engine::kBox2d, 2000, &MakeBipedalWalker,
     "walk to the right over stumps, stairs and pits"},
    {"CartPole-v1", Engine::kEquations, 500, &MakeCartPole,
     "keep a pole upright by pushing its cart left or right"},
    {"HalfCheetah-v5", Engine::kMujoco, 1000, &MakeHalfCheetah,
     "run to the right on two legs, front and hind", 1e-8,
     "cb68d62ea791684c3abe8f46efa3a690fe7c3a65e090127c4acb9f75d0a29b17"},
    {"Hopper-v5", Engine::kMujoco, 1000, &MakeHopper, "hop to the right on one leg without falling",
     1e-8, "5bc0f75183dfd8b5802fde20de0e438690a4e16e21a4a309bec38a753101a646"},
    {"Humanoid-v5", Engine::kMujoco, 1000, &MakeHumanoid,
     "walk to the right on two legs without falling", 1e-6,
     "3d790abf236c752719917698bfce6dc104bafdad4af51da9cba58c36f89a2e95"},
    {"HumanoidStandup-v5", Engine::kMujoco, 1000, &MakeHumanoidStandup,
     "stand up from lying on the back", 1e-6,
     "d4a700bd86a762fd88d3ddb01164433a8438fafcccf206b481d7ca291e25a96d"},
    {"InvertedDoublePendulum-v5", Engine::kMujoco, 1000, &MakeInvertedDoublePendulum,
     "keep two poles, one on the other, upright on a cart", 1e-8,
     "bc0d3e72a9479808c9a0d432f3db97e5d22852e0e4de3193567aad1f1faf4168"},
    {"InvertedPendulum-v5", Engine::kMujoco, 1000, &MakeInvertedPendulum,
     "keep a pole upright on a cart", 1e-8,
     "31c61e95b6df27b2ab8bb512bd51a1983c37ab29f2f15f3b7c05a5de1f14090b"},
    {"LunarLander-v3", Engine::kBox2d, 1000, &MakeLunarLander,
     "land between two flags, softly and upright"},
    {"MountainCarContinuous-v0", Engine::kEquations, 999, &MakeMountainCarContinuous,
     "rock a weak car out of a valley"},
    {"Pendulum-v1", Engine::kEquations, 200, &MakePendulum, "swing a pole up and keep it there"},
    {"Pusher-v5", Engine::kMujoco, 100, &MakePusher,
     "push a cylinder to a goal with an arm of seven joints", 1e-8,
     "98481680a48463a663c801a2860e702a5ae0fbcfce91762c59173d73fb013569"},
    {"Reacher-v5", Engine::kMujoco, 50, &MakeReacher,
     "move the tip of an arm of two links to a target", 1e-8,
     "8da71e17974909e69e41d2c9b5f3b0ac17dabafb475469137cb7bd71e8eb2960"},
    {"Swimmer-v5", Engine::kMujoco, 1000, &MakeSwimmer, "swim to the right in a thick fluid", 1e-8,
     "0d19cbc384e4ca4d591e27a57a9e6d20ad762e4a4ce810156755dc85c6c7bfca"},
    {"Walker2d-v5", Engine::kMujoco, 1000, &MakeWalker2d,
     "walk to the right on two legs without falling", 1e-8,
     "9c92778b642163661b4473c707ae65851a22d69c1261c759e0b67e2d408473ac"},
});
// Of all tasks on somebody's own models, each of which has its own id.
constexpr EnvEntry kMjcfEntry = {.id = "mjcf:FILE",
                                 .engine = Engine::kMujoco,
                                 .max_episode_steps = 1000,
                                 .summary = "a model file's own task"};
static_assert(std::ranges::is_sorted(kEnvs, {}, &EnvEntry::id));

const EnvEntry& FindEnv(std::string_view id) {
  if (IsModelFile(id)) return kMjcfEntry;
  const auto found = std::ranges::find(kEnvs, id, &EnvEntry::id);
  if (found == kEnvs.end()) {
    throw ConfigError(fmt::format("unknown environment \"{}\"; known are {}, and mjcf:FILE", id,
                                  fmt::join(EnvIds(), ", ")));
  }
  return *found;
}

}  // namespace

std::unique_ptr<Env> MakeEnv(std::string_view id) { return MakeEnv(id, {}); }

std::unique_ptr<Env> MakeEnv(std::string_view id, const EnvOptions& options,
                             std::optional<std::int64_t> max_episode_steps) {
  if (IsModelFile(id)) {
    OptionReader(id, options).Finish();
    return MakeModelEnv(id, {}, max_episode_steps);
  }
  return MakeEnv(FindEnv(id), options, max_episode_steps);
}

std::unique_ptr<Env> MakeEnv(const EnvEntry& entry, const EnvOptions& options,
                             std::optional<std::int64_t> max_episode_steps) {
  OptionReader reader(entry.id, options);
  std::unique_ptr<Env> env = entry.make(reader);
  reader.Finish();
  return std::make_unique<TimeLimit>(std::move(env),
                                     max_episode_steps.value_or(entry.max_episode_steps));
}

bool IsModelFile(std::string_view id) { return id.starts_with(kMjcfPrefix); }

std::unique_ptr<Env> MakeModelEnv(std::string_view id, const MjcfTask& task,
                                  std::optional<std::int64_t> max_episode_steps) {
  return std::make_unique<TimeLimit>(MakeMjcfEnv(id, task),
                                     max_episode_steps.value_or(kMjcfEntry.max_episode_steps));
}

std::vector<std::string> EnvIds() {
  std::vector<std::string> ids;
  for (const EnvEntry& entry : kEnvs) ids.emplace_back(entry.id);
  return ids;
}

std::vector<std::string> EnvIds(Engine engine) {
  std::vector<std::string> ids;
  for (const EnvEntry& entry : kEnvs) {
    if (entry.engine == engine) ids.emplace_back(entry.id);
  }
  return ids;
}

std::vector<OptionFacts> DescribeOptions(std::string_view id) {
  const EnvEntry& entry = FindEnv(id);
  if (entry.make == nullptr) return {};
  const EnvOptions none;
  OptionReader reader(entry.id, none);
  entry.make(reader);
  return reader.known();
}

EnvDescription DescribeEnv(std::string_view id) {
  const EnvEntry& entry = FindEnv(id);
  EnvDescription description;
  description.summary = entry.summary;
  description.reference_model_digest = entry.reference_digest;
  description.episode_tolerance = kBitEqual;
  description.window_tolerance = kBitEqual;
  switch (entry.engine) {
    case Engine::kMujoco:
      description.engine = fmt::format("MuJoCo {}", mj_versionString());
      description.episode_tolerance = kMujocoEpisode;
      description.window_tolerance = {.observation = entry.window_tolerance,
                                      .reward = kMujocoWindowReward};
      break;
    case Engine::kBox2d:
      description.engine = "Box2D 2.3";
      break;
    case Engine::kEquations:
      description.engine = "equations";
      break;
  }
  return description;
}

}  // namespace duet::envs
