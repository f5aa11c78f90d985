#include "runners/distill_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "core/config_writer.h"
#include "distill/tasks/model_files.h"
#include "distill/tasks/model_training.h"
#include "runners/distill_run.h"
#include "runners/interrupt.h"
#include "runners/run_arguments.h"
#include "runners/task_summary.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

struct DistillArguments : RunArguments {
  std::string data;
};

std::string Help() {
  tasks::TaskConfig config;
  config.models.resize(1);
  config.models.front().rules.resize(1);
  config.models.front().rules.front().rule = distill::RuleDefaults(distill::RuleKind::kKd);
  config.contrasts.resize(1);
  config.path.emplace();
  return "Settings with their defaults:\n\n" + core::SettingsHelp(config);
}

void Distill(const DistillArguments& arguments) {
  tasks::TaskConfig config = tasks::LoadTaskConfig(SettingsFile(arguments), arguments.overrides);
  if (!arguments.data.empty()) config.data.directory = fs::absolute(arguments.data).string();
  const fs::path folder = FolderFor(arguments, config.name);
  const tasks::DataSplits data = tasks::LoadData(config.data);
  const std::string described = DescribeData(config.data, data);
  tasks::CheckNetworks(config, tasks::ShapeOf(data.train), config.data.set);
  tasks::CheckLoads(config, tasks::ShapeOf(data.train));
  CatchInterrupts();
  fmt::print(stderr, "distill: {} on {}, {} seeds -> {}\n", config.name, described,
             config.seeds.size(), folder.string());
  try {
    const TaskResult task = RunTask(config, data, folder, arguments.resume);
    fmt::print("{}\nreport: {}\n", TaskTable(task), (folder / "report.html").string());
  } catch (const Interrupted& interruption) {
    throw Interrupted(
        fmt::format("{}; a checkpoint is saved: continue with ./duet distill --resume {}",
                    interruption.what(), folder.string()));
  }
}

}  // namespace

void AddDistillCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "distill", "train classifiers that learn from each other, and say how alike they became");
  auto arguments = std::make_shared<DistillArguments>();
  AddRunArguments(*command, *arguments, "training.epochs=10");
  command->add_option("--data", arguments->data,
                      "folder of the data files (default: data.directory, or DUET_DATA)");
  command->footer(&Help);
  command->callback([arguments, &exit_code] {
    Distill(*arguments);
    exit_code = 0;
  });
}

}  // namespace duet::runners
