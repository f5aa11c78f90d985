#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>

#include <mutex>

#include "agents/update_graph.h"

namespace duet::agents {
namespace {

// Libraries set themselves up at their first calls, which a capture must not see.
constexpr int kCallsBeforeCapture = 3;

class CudaRecorder : public UpdateRecorder {
 public:
  void Run(const std::function<void()>& body) override {
    // A capture needs a stream of its own; it and the default one wait for each other on the
    // device.
    const at::cuda::CUDAStream outer = at::cuda::getCurrentCUDAStream();
    Order(outer, stream_);
    {
      const c10::cuda::CUDAStreamGuard guard(stream_);
      if (num_calls_ < kCallsBeforeCapture) {
        body();
      } else {
        if (num_calls_ == kCallsBeforeCapture) Capture(body);
        graph_.replay();
      }
    }
    Order(stream_, outer);
    ++num_calls_;
  }

 private:
  static void Order(const at::cuda::CUDAStream& first, const at::cuda::CUDAStream& then) {
    at::cuda::CUDAEvent event;
    event.record(first);
    event.block(then);
  }

  void Capture(const std::function<void()>& body) {
    // One at a time in the process: captures share the state of the device's random generator.
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      body();
    } catch (...) {
      graph_.capture_end();
      throw;
    }
    graph_.capture_end();
  }

  at::cuda::CUDAStream stream_ = at::cuda::getStreamFromPool(/*isHighPriority=*/true);
  at::cuda::CUDAGraph graph_;
  int num_calls_ = 0;
};

class CudaFence : public Fence {
 public:
  void Set() override { event_.record(at::cuda::getCurrentCUDAStream()); }
  void Wait() override { event_.block(at::cuda::getCurrentCUDAStream()); }

 private:
  at::cuda::CUDAEvent event_;
};

}  // namespace

void UseOwnStream(at::Device device) {
  if (device.is_cuda()) at::cuda::setCurrentCUDAStream(at::cuda::getStreamFromPool());
}

std::unique_ptr<Fence> FenceOf(at::Device device) {
  return device.is_cuda() ? std::make_unique<CudaFence>() : nullptr;
}

void WaitForDevice(at::Device device) {
  if (device.is_cuda()) at::cuda::getCurrentCUDAStream().synchronize();
}

MakeRecorder RecorderOf(at::Device device) {
  if (!device.is_cuda()) return {};
  return [] { return std::make_unique<CudaRecorder>(); };
}

}  // namespace duet::agents
