#include "distill/tasks/networks/parameter_layout.h"

#include <functional>
#include <numeric>

namespace duet::tasks {

std::int64_t ParameterBlock::size() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Tensor ParameterBlock::Rows(const Tensor& rows) const { return rows.narrow(1, offset, size()); }

}  // namespace duet::tasks
