#include "runners/provenance.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <thread>

#include "agents/tensor.h"
#include "envs/registry.h"

namespace duet::runners {
namespace {

std::string CpuModel() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace

Provenance DescribeMachine(const std::string& device) {
  Provenance provenance;
  provenance.duet_version = DUET_VERSION;
  provenance.libtorch_version = TORCH_VERSION;
  provenance.mujoco_version = envs::DescribeEnv("HalfCheetah-v5").engine;
  provenance.compiler = fmt::format("g++ {}", __VERSION__);
  const double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  provenance.hardware = fmt::format("{}, {} cores, {:.0f} GiB", CpuModel(),
                                    std::thread::hardware_concurrency(), bytes / (1U << 30));
  provenance.device = agents::ChooseDevice(device).str();
  provenance.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  return provenance;
}

}  // namespace duet::runners
