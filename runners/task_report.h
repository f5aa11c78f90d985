// The report page of a supervised task.
#pragma once

#include <string>

#include "runners/task_results.h"

namespace duet::runners {

// One self-contained HTML page, as RenderReport's.
std::string RenderTaskReport(const TaskResult& task);

}  // namespace duet::runners
