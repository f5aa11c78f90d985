// The best chain of assistants.
#pragma once

#include <cstddef>
#include <vector>

namespace duet::runners {

// Networks 0 … n - 1 from the largest to the smallest. scores[s][t], t < s, is how good network s
// is when the best model of network t has taught it. Returns the best path from 0 to each s > 0:
// its last step is the best of scores[s], and it goes on from there as the best path to that
// teacher does (arXiv:1902.03393, section 5). The first of equal ones wins.
std::vector<std::vector<std::size_t>> BestPaths(const std::vector<std::vector<double>>& scores);

}  // namespace duet::runners
