#include "distill/rules/negatives.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace duet::distill {

Negatives::Negatives(std::int64_t num_samples, const agents::Tensor& labels)
    : order_(static_cast<std::size_t>(num_samples)), classes_(order_.size()) {
  std::vector<std::int64_t> label(order_.size(), -1);
  if (labels.defined()) {
    const agents::Tensor host = labels.cpu().contiguous();
    std::copy_n(host.const_data_ptr<std::int64_t>(), label.size(), label.begin());
  }
  const auto of = [&](std::int64_t sample) { return label[static_cast<std::size_t>(sample)]; };
  std::iota(order_.begin(), order_.end(), 0);
  std::ranges::stable_sort(order_, {}, of);
  for (auto first = order_.begin(); first != order_.end();) {
    const auto last = std::find_if(first + 1, order_.end(), [&](std::int64_t sample) {
      return of(sample) < 0 || of(sample) != of(*first);
    });
    if (first == order_.begin() && last == order_.end()) {
      throw ConfigError("rule = \"crd\" tells samples of different classes; all are of one class");
    }
    for (auto sample = first; sample != last; ++sample) {
      classes_[static_cast<std::size_t>(*sample)] = {first - order_.begin(), last - order_.begin()};
    }
    first = last;
  }
}

void Negatives::Draw(core::Rng& rng, std::int64_t sample, std::span<std::int64_t> rows) const {
  const auto [first, last] = classes_.at(static_cast<std::size_t>(sample));
  const std::int64_t others = static_cast<std::int64_t>(order_.size()) - (last - first);
  for (std::int64_t& row : rows) {
    const std::int64_t rank = rng.Index(others);
    row = order_[static_cast<std::size_t>(rank < first ? rank : rank + last - first)];
  }
}

}  // namespace duet::distill
