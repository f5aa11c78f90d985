// The program: reads the command line, runs the command, and turns errors into one line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory.h"
#include "runners/bench_command.h"
#include "runners/bench_policy.h"
#include "runners/data/data_command.h"
#include "runners/distill_command.h"
#include "runners/env_command.h"
#include "runners/export_command.h"
#include "runners/interrupt.h"
#include "runners/record_command.h"
#include "runners/report_command.h"
#include "runners/train_command.h"

namespace {

// Exit codes: 0 done, 1 a check did not pass, 2 bad input or surroundings, 130 interrupted.
constexpr int kBadInput = 2;
constexpr int kInterrupted = 130;

// Of a mistyped command CLI11 says only that one is required.
std::string Explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* place = &app;
  while (!place->get_subcommands().empty()) place = place->get_subcommands().front();
  const std::vector<std::string> rest = place->remaining();
  if (place->get_require_subcommand_min() == 0 || rest.empty()) return error.what();
  std::vector<std::string> names;
  for (const CLI::App* command : place->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return fmt::format("\"{}\" is no command; allowed are {}", rest.front(), fmt::join(names, ", "));
}

int Run(int argc, char** argv) {
  CLI::App app("Duet: policy distillation for continuous control, from peers and from teachers",
               "duet");
  app.require_subcommand(1);
  app.footer(
      "Of the launcher, ./duet:\n"
      "  setup                       install what is missing and build\n"
      "  test                        run all tests; arguments go to ctest, as in -L quick");
  app.set_version_flag("--version", DUET_VERSION);
  int exit_code = 0;
  duet::runners::AddCompareCommand(app, exit_code);
  duet::runners::AddTrainCommand(app, exit_code);
  duet::runners::AddDistillCommand(app, exit_code);
  duet::runners::AddEvaluateCommand(app, exit_code);
  duet::runners::AddExportCommand(app, exit_code);
  duet::runners::AddRecordCommand(app, exit_code);
  duet::runners::AddReportCommand(app, exit_code);
  duet::runners::AddDataCommand(app, exit_code);
  duet::runners::AddEnvCommand(app, exit_code, &duet::runners::LoadBenchPolicy);
  duet::runners::AddBenchCommand(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "duet: {} (see duet --help)\n", Explain(app, error));
    return kBadInput;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  duet::core::KeepFreedMemory();
  // A file that may not grow further is then an error of the write, as on a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return Run(argc, argv);
  } catch (const duet::runners::Interrupted& interruption) {
    fmt::print(stderr, "duet: {}\n", interruption.what());
    return kInterrupted;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "duet: out of memory; fewer seeds, a smaller agent.replay_capacity or "
               "agent.batch_size need less\n");
    return kBadInput;
  } catch (const std::exception& error) {
    // LibTorch's errors go on with a stack trace.
    const std::string_view text = error.what();
    fmt::print(stderr, "duet: {}\n", text.substr(0, text.find('\n')));
    return kBadInput;
  }
}
