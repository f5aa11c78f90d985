#include "runners/best_path.h"

#include <algorithm>

namespace duet::runners {

std::vector<std::vector<std::size_t>> BestPaths(const std::vector<std::vector<double>>& scores) {
  std::vector<std::vector<std::size_t>> to(scores.size());
  for (std::size_t s = 0; s < scores.size(); ++s) {
    if (s > 0) {
      const std::vector<double>& row = scores[s];
      const auto best = std::max_element(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(s));
      to[s] = to[static_cast<std::size_t>(best - row.begin())];
    }
    to[s].push_back(s);
  }
  if (!to.empty()) to.erase(to.begin());
  return to;
}

}  // namespace duet::runners
