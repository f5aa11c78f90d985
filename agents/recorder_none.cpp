// Built without CUDA's libraries, no device records.
#include "agents/update_graph.h"

namespace duet::agents {

MakeRecorder RecorderOf(at::Device /*device*/) { return {}; }
void UseOwnStream(at::Device /*device*/) {}
std::unique_ptr<Fence> FenceOf(at::Device /*device*/) { return nullptr; }
void WaitForDevice(at::Device /*device*/) {}

}  // namespace duet::agents
