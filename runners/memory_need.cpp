#include "runners/memory_need.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "agents/replay_buffer.h"
#include "agents/tensor.h"
#include "core/error.h"
#include "core/memory.h"
#include "runners/run_env.h"
#include "runners/summary.h"

namespace duet::runners {
namespace {

std::optional<std::int64_t> AvailableOn(at::Device device) {
  if (device.is_cpu()) return core::AvailableMemory();
  const auto [free, total] = at::getDeviceAllocator(device.type())->getMemoryInfo(0);
  return static_cast<std::int64_t>(free);
}

std::string Size(std::int64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (number < 1e9) return fmt::format("{:.0f} MB", number / 1e6);
  return fmt::format("{:.1f} GB", number / 1e9);
}

std::string Explain(const ReplayNeed& need) {
  return fmt::format("{} learner{} x {} transitions x {} bytes", need.members,
                     need.members == 1 ? "" : "s", FormatCount(need.transitions),
                     need.transition_bytes);
}

}  // namespace

ReplayNeed NeedOf(const RunPlan& plan) {
  const RunConfig& config = plan.config;
  const envs::EnvSpec spec = MakeRunEnv(config.env)->spec();
  const auto seeds = static_cast<std::int64_t>(config.seeds.size());
  const std::int64_t learners = PopulationPerSeed(plan.method.kind);
  const std::int64_t capacity = agents::ReplayCapacity(config.agent);
  std::int64_t steps = config.training.env_steps_total / learners;
  ReplayNeed need{.members = seeds * learners,
                  .transition_bytes = agents::ReplayBuffer::Bytes(1, 1, spec.observation_size,
                                                                  AgentActionSize(spec))};
  if (plan.method.kind == MethodKind::kTeacher) {
    const std::int64_t teacher_steps = TeacherEnvSteps(config, plan.method.teacher);
    steps -= teacher_steps;
    need.teacher_bytes = seeds * std::min(capacity, teacher_steps) * need.transition_bytes;
  }
  need.transitions = std::min(capacity, steps);
  return need;
}

std::string CheckMemory(std::span<const RunPlan> plans, std::int64_t at_once) {
  std::vector<std::int64_t> bytes;
  std::optional<ReplayNeed> largest;
  for (const RunPlan& plan : plans) {
    const ReplayNeed need = NeedOf(plan);
    bytes.push_back(need.bytes());
    if (!largest || need.bytes() > largest->bytes()) largest = need;
  }
  std::ranges::sort(bytes, std::greater());
  bytes.resize(std::min(bytes.size(), static_cast<std::size_t>(at_once)));
  const std::int64_t all = std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0});
  const auto runs = static_cast<std::int64_t>(bytes.size());
  const auto available = AvailableOn(agents::ChooseDevice(plans.front().config.device));
  const std::string what = fmt::format(
      "{} of replay when full ({}{})", Size(all),
      runs == 1 ? "" : fmt::format("{} runs at once, the largest ", runs), Explain(*largest));
  if (!available) return fmt::format("memory: {}", what);
  if (all > *available) {
    throw ConfigError(fmt::format(
        "agent.replay_capacity = {}: needs {}, but {} of memory are available; allowed is about {} "
        "with as many seeds{}",
        agents::ReplayCapacity(plans.front().config.agent), what, Size(*available),
        *available / (runs * largest->members * largest->transition_bytes),
        runs == 1 ? "" : ", or a smaller parallel_methods"));
  }
  return fmt::format("memory: {}, {} available", what, Size(*available));
}

}  // namespace duet::runners
