// `duet compare CONFIG`, `duet train CONFIG` and `duet evaluate RUN`
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

// Each adds its subcommand; the chosen one runs and sets `exit_code`, or throws Error.
void AddCompareCommand(CLI::App& app, int& exit_code);
void AddTrainCommand(CLI::App& app, int& exit_code);
void AddEvaluateCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
