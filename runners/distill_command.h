// `./duet distill`: a supervised knowledge-distillation task.
#pragma once

namespace CLI {
class App;
}

namespace duet::runners {

void AddDistillCommand(CLI::App& app, int& exit_code);

}  // namespace duet::runners
