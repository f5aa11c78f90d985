// Updates that a device can record once and repeat without the host.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <map>
#include <memory>

namespace duet::agents {

// Does one thing again and again. What changes from one call to the next must lie in tensors that
// stay where they are: numbers of the host are those of the recording, and nothing may wait for the
// device.
class UpdateRecorder {
 public:
  virtual ~UpdateRecorder() = default;

  // Does what `body` does, by calling it or by repeating what it did in an earlier call.
  virtual void Run(const std::function<void()>& body) = 0;
};

using MakeRecorder = std::function<std::unique_ptr<UpdateRecorder>()>;

// Recorders of CUDA graphs for a GPU, for which a repetition costs one launch. Empty for other
// devices.
MakeRecorder RecorderOf(at::Device device);

// From now on, what the calling thread does on a GPU goes its own way, beside what other threads do
// there. Nothing on other devices.
void UseOwnStream(at::Device device);

// Makes the work of one thread on a GPU wait for that of another, without the host. Nothing on
// other devices.
class Fence {
 public:
  virtual ~Fence() = default;
  // What the calling thread asks for after Wait starts when all is done that the thread that called
  // Set had asked for before.
  virtual void Set() = 0;
  virtual void Wait() = 0;
};
// Empty for devices that need none.
std::unique_ptr<Fence> FenceOf(at::Device device);

// Waits until the device has done all that the calling thread asked for.
void WaitForDevice(at::Device device);

// One recording for each kind of update.
class UpdateGraph {
 public:
  // Calls bodies themselves where `make` is empty.
  explicit UpdateGraph(MakeRecorder make);

  // Bodies that differ in what they do have different kinds.
  void Run(int kind, const std::function<void()>& body);

 private:
  MakeRecorder make_;
  std::map<int, std::unique_ptr<UpdateRecorder>> recorders_;
};

}  // namespace duet::agents
