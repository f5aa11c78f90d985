#include "core/memory.h"

#include <algorithm>
#include <cstdlib>  // says whether this is glibc
#include <fstream>
#include <limits>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace duet::core {

void KeepFreedMemory() {
#if defined(__GLIBC__)
  constexpr int kLargestAllowed = 32 << 20;  // larger blocks, such as a replay, stay apart
  mallopt(M_MMAP_THRESHOLD, kLargestAllowed);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, kLargestAllowed);
#endif
}

namespace {

// The first number of a file; nothing where there is none, as in "max".
std::optional<std::int64_t> FirstNumber(const std::string& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> AvailableMemory() {
  std::optional<std::int64_t> available;
  std::ifstream file("/proc/meminfo");
  std::int64_t kibibytes = 0;
  for (std::string word; file >> word;) {
    if (word == "MemAvailable:" && file >> kibibytes) available = kibibytes * 1024;
  }
  const auto limit = FirstNumber("/sys/fs/cgroup/memory.max");
  const auto used = FirstNumber("/sys/fs/cgroup/memory.current");
  if (limit && used) {
    const std::int64_t left = std::max<std::int64_t>(0, *limit - *used);
    available = available ? std::min(*available, left) : left;
  }
  return available;
}

}  // namespace duet::core
