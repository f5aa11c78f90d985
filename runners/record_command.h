// `duet record`: videos from the command line.
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

// Adds the command `record`. Parsing runs it and writes `exit_code`. Throws duet::Error.
void AddRecordCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
