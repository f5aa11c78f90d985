#include "runners/env_bench.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runners/env_option_text.h"

namespace duet::runners {
namespace {

using nlohmann::ordered_json;

struct BenchArguments {
  std::string id;
  std::string policy;  // empty: random actions
  std::vector<std::string> options;
  envs::SteppingRateSettings settings;
  bool as_json = false;
};

ordered_json ToJson(const envs::SteppingRate::Ratio& ratio) {
  return {ratio.lower_quartile, ratio.upper_quartile};
}

void PrintJson(const BenchArguments& arguments, const envs::SteppingRate& rate) {
  ordered_json report = {{"id", arguments.id},
                         {"envs", arguments.settings.num_envs},
                         {"threads", arguments.settings.num_threads},
                         {"ready", arguments.settings.ready},
                         {"actions", arguments.policy.empty() ? "random" : arguments.policy},
                         {"rounds", rate.num_rounds},
                         {"steps_per_second", rate.steps_per_second},
                         {"limit", rate.limit},
                         {"limit_steps_per_second", rate.limit_steps_per_second},
                         {"ratio", rate.ratio.median},
                         {"ratio_quartiles", ToJson(rate.ratio)}};
  if (rate.taking_ratio) {
    report["taking_limit_steps_per_second"] = *rate.taking_limit_steps_per_second;
    report["taking_ratio"] = rate.taking_ratio->median;
    report["taking_ratio_quartiles"] = ToJson(*rate.taking_ratio);
  }
  fmt::print("{}\n", report.dump(2));
}

void PrintRatio(const envs::SteppingRate::Ratio& ratio) {
  fmt::print("  {:>11.1f} % of that, median of the rounds; quartiles {:.1f} % and {:.1f} %\n",
             100.0 * ratio.median, 100.0 * ratio.lower_quartile, 100.0 * ratio.upper_quartile);
}

void PrintText(const BenchArguments& arguments, const envs::SteppingRate& rate) {
  const envs::SteppingRateSettings& settings = arguments.settings;
  const std::string_view limit = rate.limit == "mj_step"
                                     ? "the physics alone, each thread with its own part"
                                     : "direct calls, each thread with its own part";
  fmt::print(
      "{}: {} environments on {} threads, {}, {} rounds\n", arguments.id, settings.num_envs,
      settings.num_threads,
      settings.ready == 0 ? "in lockstep" : fmt::format("{} ready at a time", settings.ready),
      rate.num_rounds);
  fmt::print("  {:>12.0f} steps/s\n", rate.steps_per_second);
  fmt::print("  {:>12.0f} steps/s of {}\n", rate.limit_steps_per_second, limit);
  PrintRatio(rate.ratio);
  if (!rate.taking_ratio) return;
  fmt::print("  {:>12.0f} steps/s of the same where threads take work from each other\n",
             *rate.taking_limit_steps_per_second);
  PrintRatio(*rate.taking_ratio);
}

void Bench(const BenchArguments& arguments, const PolicyLoader& load_policy) {
  envs::SteppingRateSettings settings = arguments.settings;
  settings.options = ParseEnvOptions(arguments.options);
  if (!arguments.policy.empty()) {
    BenchPolicy policy = load_policy(arguments.policy, arguments.id, settings.options);
    settings.policy = std::move(policy.act);
    settings.make = std::move(policy.make);
  }
  const envs::SteppingRate rate = envs::MeasureSteppingRate(arguments.id, settings);
  arguments.as_json ? PrintJson(arguments, rate) : PrintText(arguments, rate);
}

}  // namespace

void AddEnvBenchCommand(CLI::App& env, int& exit_code, const PolicyLoader& load_policy) {
  // What the options write to lives as long as the callback.
  auto arguments = std::make_shared<BenchArguments>();
  envs::SteppingRateSettings& settings = arguments->settings;
  CLI::App* bench = env.add_subcommand(
      "bench", "time an environment against its bare physics, or against direct calls");
  bench->add_option("ID", arguments->id, "environment, as in `env list`")->required();
  bench->add_option("--envs", settings.num_envs, "environments side by side")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100000}))
      ->capture_default_str();
  bench->add_option("--threads", settings.num_threads, "threads that step them")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1024}))
      ->capture_default_str();
  bench
      ->add_option("--ready", settings.ready,
                   "step asynchronously and go on as soon as that many are ready; 0: in lockstep")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{100000}))
      ->capture_default_str();
  bench->add_option("--seconds", settings.seconds, "duration of each of the sides, s")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  bench->add_option("--option", arguments->options, "setting of the task: key=value")
      ->allow_extra_args(false);
  if (load_policy) {
    bench->add_option("--policy", arguments->policy,
                      "folder of a run, or a policy file, that chooses the actions; its own time "
                      "does not count (default: random actions)");
  }
  bench->add_flag("--json", arguments->as_json, "print JSON");
  bench->callback([&exit_code, arguments, load_policy] {
    Bench(*arguments, load_policy);
    exit_code = 0;
  });
}

}  // namespace duet::runners
