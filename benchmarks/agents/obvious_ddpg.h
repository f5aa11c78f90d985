// DDPG as one writes it first with LibTorch: the other side of the comparison.
#pragma once

#include <cstdint>
#include <memory>

namespace duet::benchmarks {

struct ObviousDdpgShape {
  std::int64_t members = 1;
  std::int64_t observation_size = 17;
  std::int64_t action_size = 6;
  std::int64_t hidden = 256;  // of each of two layers
  std::int64_t batch_size = 256;
  std::int64_t replay_size = 20'000;  // random transitions
};

// Eager autograd, torch::optim::Adam, target networks moved parameter by parameter, replay of
// separate tensors. One member has plain linear layers, several have a baddbmm for each layer.
class ObviousDdpg {
 public:
  explicit ObviousDdpg(const ObviousDdpgShape& shape);
  ~ObviousDdpg();

  void Update();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace duet::benchmarks
