// Which samples go into which split.
#pragma once

#include <cstdint>
#include <vector>

#include "agents/tensor.h"

namespace duet::tasks {

// All rows of a set in an order whose every run of consecutive entries has the classes in the
// proportions of the whole, to within two samples a class; or just shuffled where not `stratified`.
// Splits are runs of it. `labels` are [N] int64, contiguous.
std::vector<std::int64_t> SplitOrder(const agents::Tensor& labels, bool stratified,
                                     std::uint64_t seed);

}  // namespace duet::tasks
