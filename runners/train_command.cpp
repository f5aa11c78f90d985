#include "runners/train_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/config_writer.h"
#include "core/error.h"
#include "runners/comparison.h"
#include "runners/config.h"
#include "runners/console.h"
#include "runners/evaluator.h"
#include "runners/interrupt.h"
#include "runners/memory_need.h"
#include "runners/new_folder.h"
#include "runners/run_arguments.h"
#include "runners/run_folder.h"
#include "runners/sweep.h"
#include "runners/teacher.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

// What a person gave on the command line of train and compare.
struct TrainArguments : RunArguments {
  std::string method;
  bool sweep = false;
};

void AddTrainArguments(CLI::App& command, TrainArguments& arguments) {
  AddRunArguments(command, arguments, "training.env_steps_total=20000");
  command.footer([] {
    RunConfig config;
    MethodConfig teacher;
    teacher.name = "teacher";
    teacher.kind = MethodKind::kTeacher;
    config.methods = {teacher};
    return "Settings with their defaults:\n\n" + core::SettingsHelp(config) +
           core::SettingsHelp(ModelTaskHelp{}) + agents::OtherAlgorithmsHelp();
  });
}

// What to do where: the settings and the folder of a new or a resumed run.
std::pair<RunConfig, fs::path> Prepare(const RunArguments& arguments, std::string_view command) {
  const fs::path settings = SettingsFile(arguments);
  if (arguments.resume && fs::exists(settings.parent_path() / "metrics.csv")) {
    throw ConfigError(fmt::format(
        "--resume {}: is one method of a run; allowed is the folder of the run, two levels up",
        arguments.config));
  }
  RunConfig config = LoadRunConfig(settings, arguments.overrides);
  if (arguments.resume && command == "train" && config.methods.size() > 1) {
    throw ConfigError(fmt::format(
        "--resume {}: is a run of {} methods; continue it with ./duet compare --resume {}",
        arguments.config, config.methods.size(), arguments.config));
  }
  fs::path folder = FolderFor(arguments, config.name);
  return {std::move(config), std::move(folder)};
}

// Where a sweep's settings are, from which it can be resumed.
constexpr std::string_view kSweepFile = "sweep.toml";

// Runs and shows; an interruption says how to go on.
template <typename Run, typename Table>
void RunAndShow(std::string_view command, std::string_view what, const fs::path& folder,
                std::span<const RunPlan> plans, std::int64_t at_once, const Run& run,
                const Table& table) {
  const std::string memory = CheckMemory(plans, at_once);
  CatchInterrupts();
  const RunConfig& config = plans.front().config;
  fmt::print(stderr, "{}: {} on {}, {} seeds, {} environment steps per seed -> {}\n{}\n", command,
             what, TaskName(config.env), config.seeds.size(), config.training.env_steps_total,
             folder.string(), memory);
  try {
    const ComparisonResult comparison = run();
    fmt::print("{}\nreport: {}\n", table(comparison), (folder / "report.html").string());
  } catch (const Interrupted& interruption) {
    throw Interrupted(fmt::format("{}; a checkpoint is saved: continue with ./duet {} --resume {}",
                                  interruption.what(), command, folder.string()));
  }
}

void RunAndShow(const RunConfig& config, const fs::path& folder, bool resume,
                std::string_view command) {
  RunAndShow(
      command, config.name, folder, PlansOf(config), MethodsAtOnce(config),
      [&] { return RunComparison(config, folder, resume); }, &ComparisonTable);
}

// Every combination of the settings, as many at once as cores allow.
void RunSweep(const TrainArguments& arguments) {
  fs::path file = arguments.config;
  if (arguments.resume) {
    if (!arguments.method.empty()) {
      throw ConfigError("--method: not together with --resume, which continues what was started");
    }
    file /= kSweepFile;
  } else if (fs::is_directory(file)) {
    throw ConfigError(fmt::format("{}: is a folder; allowed is a settings file", file.string()));
  }
  const Sweep sweep = LoadSweep(file, arguments.overrides, arguments.method);
  const fs::path folder = arguments.resume ? fs::path(arguments.config)
                                           : NewRunFolder(arguments.out, sweep.name + "-sweep");
  RunConfig all = sweep.plans.front().config;
  all.methods.clear();
  for (const RunPlan& plan : sweep.plans) {
    if (!arguments.resume) CheckLessons(plan.config);
    all.methods.push_back(plan.method);
  }
  const std::int64_t at_once = MethodsAtOnce(all);
  RunAndShow(
      "train", fmt::format("{}, {} combinations", sweep.name, sweep.plans.size()), folder,
      sweep.plans, at_once,
      [&] {
        return RunPlans({.name = sweep.name,
                         .settings = sweep.settings,
                         .settings_file = std::string(kSweepFile)},
                        sweep.plans, at_once, folder, arguments.resume);
      },
      &SweepTable);
}

// A comparison is at equal budgets.
void CheckBudgets(const RunConfig& config) {
  const TrainingConfig& training = config.training;
  if (!std::isinf(training.stop_at_return) || training.patience > 0) {
    throw ConfigError(fmt::format(
        "{} ends methods before their budget, which a comparison keeps equal; allowed is to leave "
        "it out, or ./duet train with one method",
        training.patience > 0 ? "training.patience" : "training.stop_at_return"));
  }
}

}  // namespace

void AddCompareCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("compare", "train several methods on one task and say which was better");
  auto arguments = std::make_shared<TrainArguments>();
  AddTrainArguments(*command, *arguments);
  command->callback([arguments, &exit_code] {
    const auto [config, folder] = Prepare(*arguments, "compare");
    CheckBudgets(config);
    if (!arguments->resume) CheckLessons(config);
    RunAndShow(config, folder, arguments->resume, "compare");
    exit_code = 0;
  });
}

void AddTrainCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "train one method");
  auto arguments = std::make_shared<TrainArguments>();
  AddTrainArguments(*command, *arguments);
  command->add_option("--method", arguments->method,
                      "which of the file's methods (default: the first)");
  command->add_flag("--sweep", arguments->sweep,
                    "train every combination of settings that have several values, as in gamma = "
                    "[0.98, 0.99] or --set 'agent.gamma=[0.98, 0.99]'");
  command->callback([arguments, &exit_code] {
    if (arguments->sweep ||
        (arguments->resume && fs::exists(fs::path(arguments->config) / kSweepFile))) {
      RunSweep(*arguments);
      exit_code = 0;
      return;
    }
    auto [config, folder] = Prepare(*arguments, "train");
    config.methods = {ChooseMethod(config, arguments->method)};
    if (!arguments->resume) CheckLessons(config);
    RunAndShow(config, folder, arguments->resume, "train");
    exit_code = 0;
  });
}

namespace {

struct EvaluateArguments {
  std::string run;
  std::int64_t episodes = 10;
  std::int64_t seed = 12345;
  std::int64_t threads = 1;
  std::string device = "auto";
  bool json = false;
};

void Evaluate(const EvaluateArguments& arguments) {
  nlohmann::json all = nlohmann::json::array();
  for (const RunFolder& run : FindTrainedRuns(arguments.run)) {
    const fs::path path = run.policy();
    const std::string name = run.path.filename().string();
    const PolicyFacts facts = ReadPolicyFacts(path);
    std::vector<std::int64_t> members(facts.seeds.size() *
                                      static_cast<std::size_t>(facts.learners));
    std::iota(members.begin(), members.end(), 0);
    const std::unique_ptr<agents::Agent> agent =
        LoadFrozenAgent(path, members, std::vector<std::uint64_t>(members.size()), 1,
                        agents::ChooseDevice(arguments.device));
    const EnvironmentConfig env = RunEnvironment(path);
    CheckSizes(facts, path, MakeRunEnv(env)->spec());
    Evaluator evaluator(env, {.episodes = arguments.episodes, .seed = arguments.seed},
                        static_cast<std::int64_t>(members.size()), arguments.threads);
    const Evaluator::Returns returns = evaluator.Evaluate(*agent);
    if (!arguments.json) {
      fmt::print(
          "{} on {}, {} episodes each\n  seed  learner        mean         min         max\n", name,
          facts.env_id, arguments.episodes);
    }
    for (std::size_t m = 0; m < members.size(); ++m) {
      const std::int64_t learner = static_cast<std::int64_t>(m) % facts.learners;
      const std::int64_t seed = facts.seeds[m / static_cast<std::size_t>(facts.learners)];
      const auto& episodes = returns.per_episode[m];
      if (arguments.json) {
        all.push_back({{"method", name},
                       {"env", facts.env_id},
                       {"seed", seed},
                       {"learner", learner},
                       {"mean", returns.mean[m]},
                       {"returns", episodes}});
      } else {
        fmt::print("{:>6}  {:>7}  {:>10.2f}  {:>10.2f}  {:>10.2f}\n", seed, learner,
                   returns.mean[m], *std::min_element(episodes.begin(), episodes.end()),
                   *std::max_element(episodes.begin(), episodes.end()));
      }
    }
  }
  if (arguments.json) fmt::print("{}\n", all.dump(2));
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("evaluate", "returns of trained policies, without exploration");
  auto arguments = std::make_shared<EvaluateArguments>();
  command->add_option("run", arguments->run, "folder of a finished run")->required();
  command->add_option("--episodes", arguments->episodes, "per learner")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command
      ->add_option("--seed", arguments->seed,
                   "of the first episode, which the others count up; the default is training's own")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--threads", arguments->threads, "that step environments")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--device", arguments->device, "auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments, &exit_code] {
    Evaluate(*arguments);
    exit_code = 0;
  });
}

}  // namespace duet::runners
