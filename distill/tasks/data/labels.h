// What every reader checks about labels.
#pragma once

#include <cstdint>
#include <string_view>

#include "distill/tasks/data/image_set.h"

namespace duet::tasks {

// Throws IoError naming `where`, the sample and what is allowed where one of the contiguous int64
// labels is outside [first, first + num_classes).
void CheckLabels(const Tensor& labels, std::int64_t num_classes, std::string_view where,
                 std::int64_t first = 0);

}  // namespace duet::tasks
