#include "runners/checkpoint_pace.h"

#include <algorithm>

namespace duet::runners {
namespace {

constexpr double kMostShare = 0.05;  // of the time

}  // namespace

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

bool CheckpointPace::Due() const {
  const double wait = std::max(seconds_, latest_took_ / kMostShare);
  return Seconds(std::chrono::steady_clock::now() - latest_) >= wait;
}

void CheckpointPace::Saved(std::chrono::steady_clock::time_point begin) {
  latest_ = std::chrono::steady_clock::now();
  latest_took_ = Seconds(latest_ - begin);
}

}  // namespace duet::runners
