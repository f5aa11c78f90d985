// Where and with what numbers are made.
#pragma once

#include <string>

#include "runners/results.h"

namespace duet::runners {

// Versions, compiler, hardware and the present time; `device` as in the settings.
Provenance DescribeMachine(const std::string& device);

}  // namespace duet::runners
