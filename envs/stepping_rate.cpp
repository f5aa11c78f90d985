#include "envs/stepping_rate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "envs/async_vector_env.h"
#include "envs/registry.h"
#include "envs/stepping_limit.h"
#include "envs/vector_env.h"

namespace duet::envs {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRoundSeconds = 0.1;  // of one side of one round, about
constexpr std::int64_t kMinRounds = 5;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Goes ahead of all sides and records what they are to repeat.
class Recorder {
 public:
  Recorder(const EnvMaker& make, std::span<const std::uint64_t> seeds,
           const SteppingRateSettings& settings)
      : env_(
            [&] {
              envs_.push_back(make().release());
              return std::unique_ptr<Env>(envs_.back());
            },
            settings.num_envs, settings.num_threads),
        rng_(core::SplitSeed(settings.seed, "actions")),
        policy_(settings.policy) {
    env_.Reset(seeds);
    recording_.num_envs = settings.num_envs;
  }

  const Recording& Record(std::int64_t num_steps) {
    recording_.num_steps = num_steps;
    recording_.actions.clear();
    recording_.indices.clear();
    recording_.ended.clear();
    for (std::int64_t step = 0; step < num_steps; ++step) {
      env_.spec().discrete() ? RecordIndices() : RecordActions();
      for (std::size_t i = 0; i < envs_.size(); ++i) {
        recording_.ended.push_back(env_.terminated()[i] | env_.truncated()[i]);
      }
    }
    return recording_;
  }

  // Where the environments are.
  const Env& env(std::int64_t i) const { return *envs_[static_cast<std::size_t>(i)]; }

 private:
  void RecordIndices() {
    std::vector<std::int64_t>& indices = recording_.indices;
    if (policy_) {
      chosen_.resize(envs_.size());
      policy_(env_.observations(), chosen_);
      for (const float index : chosen_) indices.push_back(static_cast<std::int64_t>(index));
    } else {
      for (std::size_t i = 0; i < envs_.size(); ++i) {
        indices.push_back(rng_.Index(env_.spec().num_actions));
      }
    }
    env_.Step(std::span<const std::int64_t>(indices).last(envs_.size()));
  }

  void RecordActions() {
    std::vector<float>& actions = recording_.actions;
    const std::size_t size = envs_.size() * static_cast<std::size_t>(env_.spec().action_size());
    actions.resize(actions.size() + size);
    const std::span<float> row = std::span(actions).last(size);
    if (policy_) {
      policy_(env_.observations(), row);
    } else {
      Draw(row);
    }
    env_.Step(std::span<const float>(row));
  }

  // Uniform within the useful range.
  void Draw(std::span<float> row) {
    const EnvSpec& spec = env_.spec();
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::size_t j = i % spec.action_low.size();
      row[i] = static_cast<float>(rng_.Uniform(spec.action_low[j], spec.action_high[j]));
    }
  }

  std::vector<Env*> envs_;  // those of env_
  VectorEnv env_;
  core::Rng rng_;
  BatchPolicy policy_;
  std::vector<float> chosen_;  // [N] indices by the policy
  Recording recording_;
};

double RunLockstep(VectorEnv& env, const Recording& recording) {
  const auto num_envs = static_cast<std::size_t>(recording.num_envs);
  const auto width = static_cast<std::size_t>(env.spec().action_size());
  const Clock::time_point start = Clock::now();
  for (std::int64_t step = 0; step < recording.num_steps; ++step) {
    const std::size_t place = recording.Place(step, 0);
    if (env.spec().discrete()) {
      env.Step(std::span(recording.indices).subspan(place, num_envs));
    } else {
      env.Step(std::span(recording.actions).subspan(place * width, num_envs * width));
    }
  }
  return SecondsSince(start);
}

// Gives each row its next action as soon as it is ready; at the end all have done all steps.
class AsyncRunner {
 public:
  AsyncRunner(AsyncVectorEnv& env, std::int64_t ready)
      : env_(env), ready_(ready), steps_(static_cast<std::size_t>(env.size())) {}

  double Run(const Recording& recording) {
    const Clock::time_point start = Clock::now();
    std::ranges::fill(steps_, 0);
    rows_.resize(steps_.size());
    std::iota(rows_.begin(), rows_.end(), std::int64_t{0});
    Send(recording);
    while (env_.num_under_way() > 0) {
      const auto received = env_.Receive(std::min(ready_, env_.num_under_way()));
      rows_.clear();
      for (const std::int64_t row : received) {
        if (++steps_[static_cast<std::size_t>(row)] < recording.num_steps) rows_.push_back(row);
      }
      Send(recording);
    }
    return SecondsSince(start);
  }

 private:
  // What a policy would hand over: the actions of these rows, one after another.
  void Send(const Recording& recording) {
    const auto width = static_cast<std::size_t>(env_.spec().action_size());
    actions_.clear();
    indices_.clear();
    for (const std::int64_t row : rows_) {
      const std::size_t place = recording.Place(steps_[static_cast<std::size_t>(row)], row);
      if (env_.spec().discrete()) {
        indices_.push_back(recording.indices[place]);
      } else {
        const auto action = std::span(recording.actions).subspan(place * width, width);
        actions_.insert(actions_.end(), action.begin(), action.end());
      }
    }
    env_.spec().discrete() ? env_.Send(rows_, indices_) : env_.Send(rows_, actions_);
  }

  AsyncVectorEnv& env_;
  std::int64_t ready_;
  std::vector<std::int64_t> steps_;  // [N] done in this round
  std::vector<std::int64_t> rows_;
  std::vector<float> actions_;
  std::vector<std::int64_t> indices_;
};

// One of the things that are timed in turns.
struct Side {
  std::function<double(const Recording&)> run;  // returns seconds
  std::vector<double> seconds = {};             // per round
};

double Total(const Side& side) {
  return std::accumulate(side.seconds.begin(), side.seconds.end(), 0.0);
}

SteppingRate::Ratio RatioTo(const Side& limit, const Side& measured) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < limit.seconds.size(); ++i) {
    ratios.push_back(limit.seconds[i] / measured.seconds[i]);
  }
  std::ranges::sort(ratios);
  const auto at = [&](double part) {
    return ratios[static_cast<std::size_t>(part * static_cast<double>(ratios.size() - 1) + 0.5)];
  };
  return {.median = at(0.5), .lower_quartile = at(0.25), .upper_quartile = at(0.75)};
}

// Environments, the limits, and whoever goes ahead of them all.
class Comparison {
 public:
  Comparison(const EnvMaker& make, std::span<const std::uint64_t> seeds,
             const SteppingRateSettings& settings)
      : settings_(settings), recorder_(make, seeds, settings) {
    AddEnvironments(make, seeds);
    const std::int64_t num_threads = std::min(settings.num_threads, settings.num_envs);
    AddLimit(make, seeds, num_threads, Schedule::kOwnPart);
    if (num_threads > 1) AddLimit(make, seeds, num_threads, Schedule::kTaking);
  }

  SteppingRate Measure() {
    // Warm caches, then find out how many steps make a round.
    RunRound(2);
    RunRound(3);
    const std::int64_t round_steps = RoundSteps(sides_[0].seconds.back() / 3.0);
    for (Side& side : sides_) side.seconds.clear();
    SteppingRate rate;
    while (Total(sides_[0]) < settings_.seconds || rate.num_rounds < kMinRounds) {
      RunRound(round_steps);
      ++rate.num_rounds;
    }
    CheckThatAllWentTheSameWay();
    const double env_steps =
        static_cast<double>(rate.num_rounds * round_steps * settings_.num_envs);
    rate.steps_per_second = env_steps / Total(sides_[0]);
    rate.limit = limits_[0].name;
    rate.limit_steps_per_second = env_steps / Total(sides_[1]);
    rate.ratio = RatioTo(sides_[1], sides_[0]);
    if (sides_.size() > 2) {
      rate.taking_limit_steps_per_second = env_steps / Total(sides_[2]);
      rate.taking_ratio = RatioTo(sides_[2], sides_[0]);
    }
    return rate;
  }

 private:
  void AddEnvironments(const EnvMaker& make, std::span<const std::uint64_t> seeds) {
    if (settings_.ready > 0) {
      async_.emplace(make, settings_.num_envs, settings_.num_threads);
      async_->Reset(seeds);
      async_runner_.emplace(*async_, settings_.ready);
      sides_.push_back(
          {[this](const Recording& recording) { return async_runner_->Run(recording); }});
    } else {
      lockstep_.emplace(make, settings_.num_envs, settings_.num_threads);
      lockstep_->Reset(seeds);
      sides_.push_back(
          {[this](const Recording& recording) { return RunLockstep(*lockstep_, recording); }});
    }
  }

  void AddLimit(const EnvMaker& make, std::span<const std::uint64_t> seeds,
                std::int64_t num_threads, Schedule schedule) {
    limits_.push_back(MakeSteppingLimit(make, seeds));
    sides_.push_back(
        {[steps = limits_.back().steps.get(), num_threads, schedule](const Recording& recording) {
          return Repeat(*steps, recording, num_threads, schedule);
        }});
  }

  // Forwards and backwards in turns, so that none always runs in the wake of the same other.
  void RunRound(std::int64_t num_steps) {
    const Recording& recording = recorder_.Record(num_steps);
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      Side& side = sides_[backwards_ ? sides_.size() - 1 - i : i];
      side.seconds.push_back(side.run(recording));
    }
    backwards_ = !backwards_;
  }

  std::int64_t RoundSteps(double step_seconds) const {
    const double round_seconds =
        std::min(kRoundSeconds, settings_.seconds / static_cast<double>(kMinRounds));
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(round_seconds / step_seconds), 1,
                                    100000);
  }

  void CheckThatAllWentTheSameWay() const {
    for (const SteppingLimit& limit : limits_) {
      for (std::int64_t i = 0; i < settings_.num_envs; ++i) {
        if (limit.steps->IsWhere(i, recorder_.env(i))) continue;
        throw std::logic_error("the limit did not do the steps of the environments");
      }
    }
  }

  const SteppingRateSettings& settings_;
  Recorder recorder_;
  std::optional<VectorEnv> lockstep_;
  std::optional<AsyncVectorEnv> async_;
  std::optional<AsyncRunner> async_runner_;
  std::vector<SteppingLimit> limits_;
  std::vector<Side> sides_;  // what is measured, then the limits
  bool backwards_ = false;
};

void CheckRange(std::string_view what, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw ConfigError(fmt::format("{} = {}; allowed is {} to {}", what, value, low, high));
}

void Check(const SteppingRateSettings& settings) {
  CheckRange("envs", static_cast<double>(settings.num_envs), 1, 100000);
  CheckRange("threads", static_cast<double>(settings.num_threads), 1, 1024);
  CheckRange("seconds", settings.seconds, 0.01, 3600);
  CheckRange("ready", static_cast<double>(settings.ready), 0,
             static_cast<double>(settings.num_envs));
}

}  // namespace

SteppingRate MeasureSteppingRate(std::string_view id, const SteppingRateSettings& settings) {
  const EnvMaker make =
      settings.make ? settings.make : [&] { return MakeEnv(id, settings.options); };
  Check(settings);
  std::vector<std::uint64_t> seeds;
  for (std::int64_t i = 0; i < settings.num_envs; ++i) {
    seeds.push_back(core::SplitSeed(settings.seed, "env", static_cast<std::uint64_t>(i)));
  }
  return Comparison(make, seeds, settings).Measure();
}

}  // namespace duet::envs
