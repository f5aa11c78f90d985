#include "runners/bench_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/config_reader.h"
#include "runners/learner_bench.h"
#include "runners/provenance.h"

namespace duet::runners {
namespace {

struct BenchArguments {
  std::string agent = "sac";
  std::string precision = "float32";
  std::string device = "cpu";
  std::vector<std::int64_t> hidden = {256, 256};
  std::int64_t batch = 256;
  std::vector<std::string> overrides;
  bool as_json = false;
  LearnerBenchSettings settings;
};

// Of `bench`: the agent's settings alone, named as in settings files.
struct AgentSection {
  agents::AgentConfig agent;
};

void VisitFields(core::FieldVisitor& v, AgentSection& c) {
  v.Section("agent", c.agent, "the agent");
}

agents::AgentConfig ReadAgent(const BenchArguments& arguments) {
  const std::string text =
      fmt::format("[agent]\nalgorithm = \"{}\"\nhidden = [{}]\nbatch_size = {}\n", arguments.agent,
                  fmt::join(arguments.hidden, ", "), arguments.batch);
  AgentSection section;
  core::ConfigFile(text, "bench learner", arguments.overrides).Read(section);
  return section.agent;
}

nlohmann::ordered_json ToJson(const BenchArguments& arguments, const LearnerBench& bench) {
  const LearnerBenchSettings& settings = arguments.settings;
  const auto members = static_cast<double>(settings.members);
  nlohmann::ordered_json report = {{"agent", arguments.agent},
                                   {"env", settings.env.id},
                                   {"members", settings.members},
                                   {"threads", settings.threads},
                                   {"hidden", arguments.hidden},
                                   {"batch", arguments.batch},
                                   {"precision", arguments.precision},
                                   {"device", DescribeMachine(arguments.device).device},
                                   {"hardware", DescribeMachine("cpu").hardware},
                                   {"rounds", settings.rounds},
                                   {"updates_per_second", 1.0 / bench.update_seconds},
                                   {"member_updates_per_second", members / bench.update_seconds},
                                   {"product_seconds", bench.product_seconds},
                                   {"update_seconds", bench.update_seconds},
                                   {"ratio", bench.ratio},
                                   {"product_gflop", bench.product_gflop}};
  if (!settings.loop) return report;
  report["envs"] = settings.env.per_learner;
  report["actor_threads"] = settings.actor_threads;
  report["overlap"] = settings.overlap;
  report["loop_steps_per_second"] = bench.loop_steps_per_second;
  report["loop_seconds"] = bench.loop_seconds;
  if (bench.loop_ratio > 0.0) report["loop_ratio"] = bench.loop_ratio;
  report["limit_seconds"] = bench.limit_seconds;
  report["limit_ratio"] = bench.limit_ratio;
  return report;
}

void PrintText(const BenchArguments& arguments, const LearnerBench& bench) {
  const LearnerBenchSettings& settings = arguments.settings;
  const auto members = static_cast<double>(settings.members);
  fmt::print("{} on {}: {} member{}, {} thread{}, {}, {} rounds\n", arguments.agent,
             settings.env.id, settings.members, settings.members == 1 ? "" : "s", settings.threads,
             settings.threads == 1 ? "" : "s", arguments.precision, settings.rounds);
  fmt::print("  {:>12.1f} updates/s\n", 1.0 / bench.update_seconds);
  fmt::print("  {:>12.1f} member-updates/s\n", members / bench.update_seconds);
  fmt::print("  {:>12.3f} GFLOP of products in an update of one member\n", bench.product_gflop);
  fmt::print("  {:>12.1f} % of an update's time is what these products alone take\n",
             100.0 * bench.ratio);
  if (!settings.loop) return;
  fmt::print("  {:>12.1f} environment steps/s of the whole loop\n", bench.loop_steps_per_second);
  if (bench.loop_ratio > 0.0) {
    fmt::print("  {:>12.1f} % of the loop's time is what the updates alone take\n",
               100.0 * bench.loop_ratio);
  }
  fmt::print("  {:>12.1f} % of it is what bare physics and products take\n",
             100.0 * bench.limit_ratio);
}

}  // namespace

void AddBenchCommand(CLI::App& app, int& exit_code) {
  CLI::App* bench = app.add_subcommand("bench", "how fast the program is on this machine");
  bench->require_subcommand(1);
  CLI::App* learner = bench->add_subcommand(
      "learner", "time an agent's updates beside the matrix products that they consist of");
  // What the options write to lives as long as the callback.
  auto arguments = std::make_shared<BenchArguments>();
  LearnerBenchSettings& settings = arguments->settings;
  settings.env.id = "HalfCheetah-v5";
  const CLI::Range many(std::int64_t{1}, std::int64_t{100000});
  const auto algorithms = agents::AlgorithmNames();
  learner->add_option("--agent", arguments->agent, "algorithm")
      ->check(CLI::IsMember(std::vector<std::string>(algorithms.begin(), algorithms.end())))
      ->capture_default_str();
  learner->add_option("--members", settings.members, "learners side by side")
      ->check(many)
      ->capture_default_str();
  learner->add_option("--threads", settings.threads, "of the updates")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  learner->add_option("--hidden", arguments->hidden, "layer sizes, as in 400,300")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}));
  learner->add_option("--batch", arguments->batch, "batch size")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  learner->add_option("--device", arguments->device, "of the updates: auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  learner->add_option("--precision", arguments->precision, "of products: float32, tf32 or bf16")
      ->check(CLI::IsMember({"float32", "tf32", "bf16"}))
      ->capture_default_str();
  learner->add_option("--env", settings.env.id, "task, which gives the sizes")
      ->capture_default_str();
  learner->add_flag("--loop", settings.loop, "also time the whole loop: act, step, store, update");
  learner->add_option("--envs", settings.env.per_learner, "environments of each member")
      ->check(many)
      ->capture_default_str();
  learner->add_option("--actor-threads", settings.actor_threads, "that step them")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  learner->add_flag("--overlap", settings.overlap, "act and step beside the updates");
  learner->add_option("--rounds", settings.rounds, "turns of each side")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  learner
      ->add_option("--set", arguments->overrides,
                   "override a setting of the agent: agent.policy_delay=2")
      ->allow_extra_args(false);
  learner->add_flag("--json", arguments->as_json, "print JSON");
  learner->callback([arguments, &exit_code] {
    LearnerBenchSettings& chosen = arguments->settings;
    chosen.agent = ReadAgent(*arguments);
    chosen.device = agents::ChooseDevice(arguments->device);
    for (const auto& option : agents::kPrecisions) {
      if (option.name == arguments->precision) chosen.precision = option.value;
    }
    const LearnerBench result = MeasureLearner(chosen);
    if (arguments->as_json) {
      fmt::print("{}\n", ToJson(*arguments, result).dump(2));
    } else {
      PrintText(*arguments, result);
    }
    exit_code = 0;
  });
}

}  // namespace duet::runners
