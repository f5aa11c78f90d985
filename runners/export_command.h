// `./duet export`: a trained classifier for use elsewhere.
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

void AddExportCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
