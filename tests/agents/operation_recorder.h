// Records tensor operations as a GPU records a graph, and repeats them.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace duet::agents {

// A recording of the operations that a function does on tensors, repeated without calling the
// function: numbers of the host are those of the recording, tensors that existed before it are read
// and written again. What only works when the host takes part shows as another result, or in
// `host_reads`.
class OperationRecorder {
 public:
  // Calls `body` and keeps what it does.
  void Record(const std::function<void()>& body);
  void Replay() const;

  std::size_t size() const { return calls_.size(); }
  // Operations that wait for the device or move tensors between host and device.
  const std::vector<std::string>& host_reads() const { return host_reads_; }

  // Called for every operation while recording.
  void Add(const c10::OperatorHandle& op, torch::jit::Stack* stack);

 private:
  struct Call {
    c10::OperatorHandle op;
    std::vector<c10::IValue> arguments;
    std::vector<c10::IValue> results;
  };
  using Renamed = std::unordered_map<const c10::TensorImpl*, at::Tensor>;

  static c10::IValue Rename(const c10::IValue& value, const Renamed& renamed);
  static void Learn(const c10::IValue& recorded, const c10::IValue& now, Renamed& renamed);

  std::vector<Call> calls_;
  std::vector<std::string> host_reads_;
};

}  // namespace duet::agents
