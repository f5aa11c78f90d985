// The report page.
#pragma once

#include <string>

#include "runners/results.h"

namespace duet::runners {

// One self-contained HTML page: charts, style and data are inside, nothing is loaded from
// elsewhere.
std::string RenderReport(const ComparisonResult& comparison);

}  // namespace duet::runners
