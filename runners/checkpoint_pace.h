// When a training saves its next checkpoint.
#pragma once

#include <chrono>

namespace duet::runners {

// Counts from when it is made.
class CheckpointPace {
 public:
  // At least so many seconds lie between checkpoints.
  explicit CheckpointPace(double seconds) : seconds_(seconds) {}

  // Whether one is due: not before the seconds are over, and so that checkpoints take a twentieth
  // of the time at most.
  bool Due() const;
  // A checkpoint that was begun at `begin` is there now.
  void Saved(std::chrono::steady_clock::time_point begin);

 private:
  double seconds_;
  double latest_took_ = 0.0;  // seconds
  std::chrono::steady_clock::time_point latest_ = std::chrono::steady_clock::now();
};

// As a number.
double Seconds(std::chrono::steady_clock::duration duration);

}  // namespace duet::runners
