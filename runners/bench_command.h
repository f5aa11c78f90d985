// `duet bench learner`: how fast an agent learns.
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

// Adds the command `bench` to the program. Parsing runs it and sets `exit_code` to 0; errors are
// thrown as duet::Error.
void AddBenchCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
