#include "envs/stepping_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/numpy_random.h"
#include "core/random.h"
#include "envs/mujoco/mujoco_env.h"
#include "envs/registry.h"
#include "envs/vector_env.h"

namespace duet::envs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRoundSeconds = 0.1;  // of one side of one round, about
constexpr std::int64_t kMinRounds = 5;
constexpr std::int64_t kNumActionRows = 64;  // the actions repeat after that many steps

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Random actions within the useful range, [kNumActionRows, N, A].
std::vector<float> DrawActions(const EnvSpec& spec, std::int64_t num_envs, std::uint64_t seed) {
  core::Rng rng(core::SplitSeed(seed, "actions"));
  std::vector<float> actions;
  for (std::int64_t i = 0; i < kNumActionRows * num_envs; ++i) {
    for (std::size_t j = 0; j < spec.action_low.size(); ++j) {
      actions.push_back(static_cast<float>(rng.Uniform(spec.action_low[j], spec.action_high[j])));
    }
  }
  return actions;
}

// The physics of N environments and nothing else.
class BareLoop {
 public:
  BareLoop(const MujocoEnv& env, std::span<const std::uint64_t> seeds, std::int64_t num_threads)
      : task_(env.task()), model_(env.model()), num_threads_(num_threads) {
    for (const std::uint64_t seed : seeds) {
      rngs_.emplace_back(seed);
      simulations_.push_back(MakeData(model_));
      DrawInitialState(task_, model_, rngs_.back(), *simulations_.back());
    }
  }

  // Steps [first, end) with the given actions; `ended[step - first][env]` says after which steps an
  // episode starts anew. Returns seconds.
  double Run(std::int64_t first, std::int64_t end, std::span<const float> actions,
             const std::vector<std::vector<std::uint8_t>>& ended) {
    const Clock::time_point start = Clock::now();
    const auto num_envs = static_cast<std::int64_t>(simulations_.size());
    const auto share = [&](std::int64_t thread) {
      for (std::int64_t step = first; step < end; ++step) {
        for (std::int64_t i = num_envs * thread / num_threads_;
             i < num_envs * (thread + 1) / num_threads_; ++i) {
          const std::int64_t row = (step % kNumActionRows) * num_envs + i;
          StepOne(static_cast<std::size_t>(i), actions.data() + row * model_.nu,
                  ended[static_cast<std::size_t>(step - first)][static_cast<std::size_t>(i)] != 0);
        }
      }
    };
    {
      std::vector<std::jthread> threads;
      for (std::int64_t thread = 1; thread < num_threads_; ++thread)
        threads.emplace_back(share, thread);
      share(0);
    }
    return SecondsSince(start);
  }

 private:
  void StepOne(std::size_t i, const float* action, bool ended) {
    mjData* data = simulations_[i].get();
    std::copy(action, action + model_.nu, data->ctrl);
    for (std::int64_t k = 0; k < task_.frame_skip; ++k) mj_step(&model_, data);
    if (task_.contact_forces) mj_rnePostConstraint(&model_, data);
    if (ended) DrawInitialState(task_, model_, rngs_[i], *data);
  }

  const MujocoTask& task_;
  const mjModel& model_;
  std::int64_t num_threads_;
  std::vector<DataHandle> simulations_;
  std::vector<core::NumpyRng> rngs_;
};

void CheckRange(std::string_view what, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw ConfigError(fmt::format("{} = {}; allowed is {} to {}", what, value, low, high));
}

}  // namespace

SteppingRate MeasureSteppingRate(std::string_view id, const SteppingRateSettings& settings) {
  CheckRange("envs", static_cast<double>(settings.num_envs), 1, 100000);
  CheckRange("threads", static_cast<double>(settings.num_threads), 1, 1024);
  CheckRange("seconds", settings.seconds, 0.01, 3600);
  const std::unique_ptr<Env> single = MakeEnv(id);
  const auto* simulation = dynamic_cast<const MujocoEnv*>(&single->unwrapped());
  if (simulation == nullptr) {
    throw ConfigError(
        fmt::format("{}: has no bare loop to compare with; allowed are MuJoCo tasks", id));
  }

  std::vector<std::uint64_t> seeds;
  for (std::int64_t i = 0; i < settings.num_envs; ++i) {
    seeds.push_back(core::SplitSeed(settings.seed, "env", static_cast<std::uint64_t>(i)));
  }
  const std::vector<float> actions = DrawActions(single->spec(), settings.num_envs, settings.seed);
  const auto row_size = static_cast<std::size_t>(settings.num_envs * single->spec().action_size());
  VectorEnv vector_env(id, settings.num_envs, settings.num_threads);
  vector_env.Reset(seeds);
  BareLoop bare(*simulation, seeds, std::min(settings.num_threads, settings.num_envs));

  std::vector<std::vector<std::uint8_t>> ended;
  std::int64_t step = 0;
  // Both sides through the same steps; the bare side resets where the other one did.
  const auto run_round = [&](std::int64_t num_steps) {
    ended.resize(static_cast<std::size_t>(num_steps),
                 std::vector<std::uint8_t>(static_cast<std::size_t>(settings.num_envs)));
    const Clock::time_point start = Clock::now();
    for (std::int64_t k = 0; k < num_steps; ++k) {
      const auto row = static_cast<std::size_t>((step + k) % kNumActionRows);
      vector_env.Step(std::span(actions).subspan(row * row_size, row_size));
      std::ranges::transform(vector_env.terminated(), vector_env.truncated(),
                             ended[static_cast<std::size_t>(k)].begin(), std::bit_or<>());
    }
    const double vector_seconds = SecondsSince(start);
    const double bare_seconds = bare.Run(step, step + num_steps, actions, ended);
    step += num_steps;
    return std::pair(vector_seconds, bare_seconds);
  };

  // Warm caches, then find out how many steps make a round.
  run_round(2);
  const double step_seconds = run_round(3).first / 3.0;
  const double round_seconds =
      std::min(kRoundSeconds, settings.seconds / static_cast<double>(kMinRounds));
  const auto round_steps =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(round_seconds / step_seconds), 1, 100000);

  SteppingRate rate;
  double vector_total = 0.0;
  double bare_total = 0.0;
  std::vector<double> ratios;
  while (vector_total < settings.seconds || std::cmp_less(ratios.size(), kMinRounds)) {
    const auto [vector_seconds, bare_seconds] = run_round(round_steps);
    vector_total += vector_seconds;
    bare_total += bare_seconds;
    ratios.push_back(bare_seconds / vector_seconds);
  }
  rate.num_rounds = static_cast<std::int64_t>(ratios.size());
  const double env_steps = static_cast<double>(rate.num_rounds * round_steps * settings.num_envs);
  rate.steps_per_second = env_steps / vector_total;
  rate.bare_steps_per_second = env_steps / bare_total;
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::ranges::nth_element(ratios, middle);
  rate.ratio = *middle;
  return rate;
}

}  // namespace duet::envs
