#include "distill/tasks/data/splits.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "core/random.h"

namespace duet::tasks {
namespace {

void Shuffle(std::vector<std::int64_t>& rows, core::Rng& rng) {
  for (auto i = static_cast<std::int64_t>(rows.size()) - 1; i > 0; --i) {
    std::swap(rows[static_cast<std::size_t>(i)], rows[static_cast<std::size_t>(rng.Index(i + 1))]);
  }
}

struct Place {
  double position;    // of the sample in the order, in (0, 1)
  std::int64_t turn;  // of its class among those at one position
  std::int64_t row;
  bool operator<(const Place& other) const {
    return std::pair(position, turn) < std::pair(other.position, other.turn);
  }
};

}  // namespace

std::vector<std::int64_t> SplitOrder(const agents::Tensor& labels, bool stratified,
                                     std::uint64_t seed) {
  core::Rng rng(core::SplitSeed(seed, "splits"));
  std::vector<std::int64_t> rows(static_cast<std::size_t>(labels.numel()));
  std::iota(rows.begin(), rows.end(), 0);
  Shuffle(rows, rng);
  if (!stratified) return rows;
  std::map<std::int64_t, std::vector<std::int64_t>> classes;
  const auto* label = labels.const_data_ptr<std::int64_t>();
  for (const std::int64_t row : rows) classes[label[row]].push_back(row);
  std::vector<std::int64_t> turns(classes.size());
  std::iota(turns.begin(), turns.end(), 0);
  Shuffle(turns, rng);
  // Each class is spread evenly over the order.
  std::vector<Place> places;
  std::size_t number = 0;
  for (const auto& [name, members] : classes) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      places.push_back({(static_cast<double>(i) + 0.5) / static_cast<double>(members.size()),
                        turns[number], members[i]});
    }
    ++number;
  }
  std::sort(places.begin(), places.end());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = places[i].row;
  return rows;
}

}  // namespace duet::tasks
