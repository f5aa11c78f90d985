#include "envs/trace_replay.h"

#include <fmt/format.h>
#include <mujoco/mujoco.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/time_limit.h"

namespace duet::envs {
namespace {

constexpr std::int64_t kWindowSteps = 20;

void Note(Deviation& largest, double value, std::int64_t step, std::int64_t index) {
  // Written so that a number that is not finite counts as larger than any other.
  if (std::isnan(largest.value) || value <= largest.value) return;
  largest = {value, step, index};
}

void NoteObservation(Deviation& largest, std::span<const double> expected,
                     std::span<const double> found, std::int64_t step) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Note(largest, std::abs(found[i] - expected[i]), step, static_cast<std::int64_t>(i));
  }
}

// Steps `env`, which stands after `first_step` steps of the trace, up to `max_steps` steps on.
void CompareSteps(const Trace& trace, Env& env, std::int64_t first_step, std::int64_t max_steps,
                  StretchReport& report) {
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size));
  const std::int64_t last_step = first_step + std::min(max_steps, trace.num_steps() - first_step);
  auto next_observation = std::ranges::upper_bound(trace.observation_steps, first_step);
  for (std::int64_t step = first_step + 1; step <= last_step; ++step) {
    const auto i = static_cast<std::size_t>(step - 1);
    const StepResult result = env.Step(View(trace.actions[i]), observation);
    Note(report.reward, std::abs(result.reward - trace.rewards[i]), step, 0);
    if (next_observation != trace.observation_steps.end() && *next_observation == step) {
      const auto row = static_cast<std::size_t>(next_observation - trace.observation_steps.begin());
      NoteObservation(report.observation, trace.observations[row], observation, step);
      ++next_observation;
    }
    if (result.terminated != trace.terminated[i] || result.truncated != trace.truncated[i]) {
      ++report.flag_mismatches;
      if (report.first_flag_mismatch == 0) report.first_flag_mismatch = step;
    }
    if (result.terminated || result.truncated) break;
  }
}

// The same from a recorded state.
void CompareFrom(const Trace& trace, TimeLimit& env, const RecordedState& state,
                 std::int64_t max_steps, StretchReport& report) {
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation_size));
  env.StartFrom(state, observation);
  if (state.step == 0) NoteObservation(report.observation, trace.first_observation, observation, 0);
  CompareSteps(trace, env, state.step, max_steps, report);
}

void CheckAction(const EnvSpec& spec, const RecordedAction& action, std::size_t i) {
  if (const auto* index = std::get_if<std::int64_t>(&action)) {
    if (spec.discrete() && *index < spec.num_actions) return;
    throw IoError(fmt::format("actions[{}] = {}; allowed is {}", i, *index,
                              spec.discrete()
                                  ? fmt::format("an index below {}", spec.num_actions)
                                  : fmt::format("a list of {} numbers", spec.action_size())));
  }
  const std::size_t size = std::get<std::vector<float>>(action).size();
  if (spec.discrete()) {
    throw IoError(
        fmt::format("actions[{}] is a list; allowed is an index below {}", i, spec.num_actions));
  }
  if (std::cmp_equal(size, spec.action_size())) return;
  throw IoError(
      fmt::format("actions[{}] has {} entries; allowed is {}", i, size, spec.action_size()));
}

// What the file itself cannot tell.
void CheckSizes(const Trace& trace, const EnvSpec& spec) {
  const auto require_observation = [&](std::string_view what, std::size_t found) {
    if (std::cmp_equal(found, spec.observation_size)) return;
    throw IoError(
        fmt::format("{} has {} entries; allowed is {}", what, found, spec.observation_size));
  };
  require_observation("obs0", trace.first_observation.size());
  for (std::size_t i = 0; i < trace.actions.size(); ++i) CheckAction(spec, trace.actions[i], i);
  for (std::size_t i = 0; i < trace.observations.size(); ++i) {
    require_observation(fmt::format("obs[{}]", i), trace.observations[i].size());
  }
}

// Why a replay cannot be exact; empty where it can.
std::string ReasonForInexactness(const Trace& trace, const Env& env,
                                 const EnvDescription& description) {
  const auto* simulation = dynamic_cast<const MujocoEnv*>(&env.unwrapped());
  if (simulation == nullptr) return "";
  if (ModelDigest(simulation->model()) != description.reference_model_digest) {
    return "the compiled model differs from the reference's";
  }
  if (!trace.mujoco_version.empty() && trace.mujoco_version != mj_versionString()) {
    return fmt::format("MuJoCo {} here, {} in the trace", mj_versionString(), trace.mujoco_version);
  }
  return "";
}

void CheckFrameSkip(const Trace& trace, const Env& env) {
  const auto* simulation = dynamic_cast<const MujocoEnv*>(&env.unwrapped());
  if (simulation == nullptr || trace.frame_skip == 0) return;
  const std::int64_t frame_skip = simulation->task().frame_skip;
  if (trace.frame_skip == frame_skip) return;
  throw IoError(fmt::format("frame_skip = {}; allowed is {}, as the settings say", trace.frame_skip,
                            frame_skip));
}

std::unique_ptr<Env> MakeRecordedEnv(const Trace& trace) {
  const std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();
  return MakeEnv(trace.env_id, trace.options,
                 trace.max_episode_steps > 0 ? trace.max_episode_steps : no_limit);
}

SeedCheck CheckSeed(const Trace& trace, const ReplayReport& report) {
  if (!trace.seed || trace.has_reset_options) return SeedCheck::kNotApplicable;
  const std::unique_ptr<Env> env = MakeRecordedEnv(trace);
  std::vector<double> observation(trace.first_observation.size());
  env->Reset(*trace.seed, observation);
  if (observation != trace.first_observation) return SeedCheck::kOtherStart;
  if (!report.exact) return SeedCheck::kSameEpisode;
  StretchReport steps;
  CompareSteps(trace, *env, 0, trace.num_steps(), steps);
  return steps.Within(report.episode_tolerance) ? SeedCheck::kSameEpisode : SeedCheck::kOtherSteps;
}

ReplayReport Replay(const Trace& trace) {
  const EnvDescription description = DescribeEnv(trace.env_id);
  const std::unique_ptr<Env> made = MakeRecordedEnv(trace);
  auto& env = dynamic_cast<TimeLimit&>(*made);
  CheckSizes(trace, env.spec());
  CheckFrameSkip(trace, env);

  ReplayReport report;
  report.env_id = trace.env_id;
  report.num_steps = trace.num_steps();
  report.inexact_reason = ReasonForInexactness(trace, env, description);
  report.exact = report.inexact_reason.empty();
  report.window_tolerance = description.window_tolerance;
  report.episode_tolerance = description.episode_tolerance;

  CompareFrom(trace, env, trace.start, kWindowSteps, report.windows);
  report.num_windows = 1;
  for (const RecordedState& state : trace.states) {
    // Nothing was recorded after the last one.
    if (!env.starts_anywhere() || state.step >= report.num_steps) continue;
    CompareFrom(trace, env, state, kWindowSteps, report.windows);
    ++report.num_windows;
  }
  CompareFrom(trace, env, trace.start, report.num_steps, report.episode);
  report.seed = CheckSeed(trace, report);

  report.passed =
      report.windows.Within(report.window_tolerance) && report.episode.flag_mismatches == 0 &&
      (!report.exact || report.episode.Within(report.episode_tolerance)) &&
      (report.seed == SeedCheck::kSameEpisode || report.seed == SeedCheck::kNotApplicable);
  return report;
}

}  // namespace

bool StretchReport::Within(const ReplayTolerance& tolerance) const {
  return observation.value <= tolerance.observation && reward.value <= tolerance.reward &&
         flag_mismatches == 0;
}

ReplayReport ReplayTrace(const Trace& trace) {
  try {
    return Replay(trace);
  } catch (const Error& error) {
    throw IoError(fmt::format("{}: {}", trace.path.string(), error.what()));
  }
}

}  // namespace duet::envs
