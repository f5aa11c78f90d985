// A pool of samples in random order, round after round.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace duet::tasks {

// Entry i of the sequence is a row of the pool; each run of `count` entries holds every row once,
// shuffled by a stream of that round alone, so any entry can be had without those before it.
class EndlessOrder {
 public:
  // `stream` names the random stream.
  EndlessOrder(std::uint64_t seed, std::string stream, std::int64_t count);

  // Requires index >= 0 and a pool that is not empty. Cheap as long as the round stays the same.
  std::int64_t At(std::int64_t index);

 private:
  void Shuffle(std::int64_t round);

  std::uint64_t seed_;
  std::string stream_;
  std::int64_t round_ = -1;
  std::int64_t count_;
  std::vector<std::int64_t> rows_;
};

}  // namespace duet::tasks
