// Updates that a device can record once and repeat without the host.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <map>
#include <memory>

namespace duet::agents {

// Repeats a sequence of tensor operations. On a GPU the sequence is recorded as a CUDA graph, so
// that repeating it costs one launch; elsewhere it is simply called. What changes from one call to
// the next must therefore lie in tensors that stay where they are: numbers of the host are those of
// the recording, and nothing may wait for the device.
class UpdateGraph {
 public:
  explicit UpdateGraph(at::Device device);
  ~UpdateGraph();
  UpdateGraph(UpdateGraph&&) noexcept;
  UpdateGraph(const UpdateGraph&) = delete;

  // Does what `body` does, once. Bodies that differ in what they do have different `kind`s.
  void Run(int kind, const std::function<void()>& body);

 private:
  class Recording;

  at::Device device_;
  std::map<int, std::unique_ptr<Recording>> recordings_;
};

}  // namespace duet::agents
