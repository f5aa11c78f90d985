// `duet report RUN…`
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

// Adds the subcommand. When it is chosen, it prints the table of the runs, writes the report page,
// and throws Error on a folder that is missing, damaged or on another task. `exit_code` is set to
// 0.
void AddReportCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
