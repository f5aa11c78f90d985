// `duet data`: published image sets.
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

// Adds the command `data` with `list`, `check` and `get` to the program. Parsing runs it and sets
// `exit_code` to 0, or to 1 where a check did not pass; errors are thrown as duet::Error.
void AddDataCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
