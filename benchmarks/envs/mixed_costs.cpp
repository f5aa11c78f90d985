// Lockstep and asynchronous stepping where one environment in eight costs fifty times as much as
// the others: how many steps there are, and how much of the threads' time is spent on steps.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "envs/async_vector_env.h"
#include "envs/vector_env.h"

namespace {

using namespace duet::envs;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kCheap = 20;     // units of work, each about a microsecond
constexpr std::int64_t kDear = 1000;    // units
constexpr std::int64_t kDearEvery = 8;  // environments

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A fixed amount of arithmetic, whatever the time.
double Work(double value, std::int64_t units) {
  for (std::int64_t i = 0; i < units * 250; ++i) value = value * 0.999999 + 1e-6;
  return value;
}

class CostlyEnv : public Env {
 public:
  explicit CostlyEnv(std::int64_t units) : units_(units) {
    spec_.id = "Costly-v0";
    spec_.observation_size = 1;
    spec_.action_low = {-1.0F};
    spec_.action_high = {1.0F};
  }

  const EnvSpec& spec() const override { return spec_; }
  void Reset(std::optional<std::uint64_t>, std::span<double> observation) override {
    observation[0] = value_ = 0.0;
  }
  StepResult Step(ActionView, std::span<double> observation) override {
    observation[0] = value_ = Work(value_, units_);
    return {};
  }
  std::string SaveState() const override { return {}; }
  void LoadState(const std::string&) override {}
  EnvQuantities Describe() const override { return {.observation = {{}}, .action = {{}}}; }

 private:
  EnvSpec spec_;
  std::int64_t units_;
  double value_ = 0.0;
};

std::int64_t Units(std::int64_t row) { return row % kDearEvery == 0 ? kDear : kCheap; }

std::function<std::unique_ptr<Env>()> Maker() {
  return [row = std::int64_t{0}]() mutable { return std::make_unique<CostlyEnv>(Units(row++)); };
}

struct Outcome {
  std::vector<std::int64_t> steps;  // per row
  double seconds = 0.0;
};

Outcome RunLockstep(std::int64_t num_envs, std::int64_t num_threads, double seconds) {
  VectorEnv env(Maker(), num_envs, num_threads);
  env.Reset(std::vector<std::uint64_t>(static_cast<std::size_t>(num_envs)));
  const std::vector<float> actions(static_cast<std::size_t>(num_envs));
  Outcome outcome{.steps = std::vector<std::int64_t>(actions.size())};
  const auto start = Clock::now();
  while (SecondsSince(start) < seconds) {
    env.Step(actions);
    for (std::int64_t& steps : outcome.steps) ++steps;
  }
  outcome.seconds = SecondsSince(start);
  return outcome;
}

Outcome RunAsync(std::int64_t num_envs, std::int64_t num_threads, std::int64_t ready,
                 double seconds) {
  AsyncVectorEnv env(Maker(), num_envs, num_threads);
  env.Reset(std::vector<std::uint64_t>(static_cast<std::size_t>(num_envs)));
  const std::vector<float> actions(static_cast<std::size_t>(num_envs));
  std::vector<std::int64_t> all(actions.size());
  std::iota(all.begin(), all.end(), std::int64_t{0});
  Outcome outcome{.steps = std::vector<std::int64_t>(actions.size())};
  const auto start = Clock::now();
  env.Send(all, actions);
  while (SecondsSince(start) < seconds) {
    const auto rows = env.Receive(ready);
    for (const std::int64_t row : rows) ++outcome.steps[static_cast<std::size_t>(row)];
    env.Send(rows, std::span(actions).first(rows.size()));
  }
  outcome.seconds = SecondsSince(start);
  return outcome;
}

void Print(const char* name, const Outcome& outcome, std::int64_t num_threads,
           double unit_seconds) {
  double units = 0.0;
  double steps = 0.0;
  for (std::size_t i = 0; i < outcome.steps.size(); ++i) {
    steps += static_cast<double>(outcome.steps[i]);
    units += static_cast<double>(outcome.steps[i] * Units(static_cast<std::int64_t>(i)));
  }
  fmt::print("  {:<12} {:>9.0f} steps/s, {:>5.1f} % of the threads' time spent on steps\n", name,
             steps / outcome.seconds,
             100.0 * units * unit_seconds / (outcome.seconds * static_cast<double>(num_threads)));
}

// The quickest of some, so that what else the machine does is not in it.
double UnitSeconds() {
  static std::atomic<double> sink;
  double best = 1.0;
  for (int i = 0; i < 200; ++i) {
    const auto start = Clock::now();
    sink = Work(sink, 100);
    best = std::min(best, SecondsSince(start) / 100.0);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Lockstep and asynchronous stepping of environments of unequal cost");
  std::int64_t num_threads = 2;
  double seconds = 1.0;
  app.add_option("--threads", num_threads, "threads that step")->capture_default_str();
  app.add_option("--seconds", seconds, "of each measurement")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const double unit_seconds = UnitSeconds();
  for (const std::int64_t num_envs : {8, 64}) {
    fmt::print(
        "{} environments on {} threads, one in {} of {:.0f} us a step, the others of {:.0f} us\n",
        num_envs, num_threads, kDearEvery, 1e6 * unit_seconds * static_cast<double>(kDear),
        1e6 * unit_seconds * static_cast<double>(kCheap));
    Print("lockstep", RunLockstep(num_envs, num_threads, seconds), num_threads, unit_seconds);
    for (const std::int64_t ready : {num_envs / 8, num_envs / 2}) {
      const std::string name = fmt::format("{} ready", ready);
      Print(name.c_str(), RunAsync(num_envs, num_threads, ready, seconds), num_threads,
            unit_seconds);
    }
  }
  return 0;
}
