#include "distill/tasks/data/endless_order.h"

#include <numeric>
#include <utility>

#include "core/random.h"

namespace duet::tasks {

EndlessOrder::EndlessOrder(std::uint64_t seed, std::string stream, std::int64_t count)
    : seed_(seed), stream_(std::move(stream)), count_(count) {}

std::int64_t EndlessOrder::At(std::int64_t index) {
  if (index / count_ != round_) Shuffle(index / count_);
  return rows_[static_cast<std::size_t>(index % count_)];
}

void EndlessOrder::Shuffle(std::int64_t round) {
  core::Rng rng(core::SplitSeed(seed_, stream_, static_cast<std::uint64_t>(round)));
  rows_.resize(static_cast<std::size_t>(count_));
  std::iota(rows_.begin(), rows_.end(), 0);
  for (std::int64_t i = count_ - 1; i > 0; --i) {
    std::swap(rows_[static_cast<std::size_t>(i)],
              rows_[static_cast<std::size_t>(rng.Index(i + 1))]);
  }
  round_ = round;
}

}  // namespace duet::tasks
