#include "core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace duet::core {
namespace {

long PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Two blocks at a time, so that freeing leaves more at the top than any default threshold.
void UseMegabytes() {
  const std::vector<char> first(std::size_t{8} << 20, 1);
  const std::vector<char> second(std::size_t{8} << 20, 1);
}

TEST(MemoryTest, FreedBlocksAreUsedAgainWithoutNewPages) {
#if !defined(__GLIBC__)
  GTEST_SKIP() << "only glibc is told to";
#endif
  KeepFreedMemory();
  UseMegabytes();
  const long before = PageFaults();
  for (int i = 0; i < 5; ++i) UseMegabytes();
  // 5 * 16 MiB in pages of 4 KiB would be 20,480.
  EXPECT_LT(PageFaults() - before, 2000);
}

TEST(MemoryTest, WhatIsAvailableIsLessThanThereIs) {
  const auto available = AvailableMemory();
  ASSERT_TRUE(available);
  EXPECT_GT(*available, std::int64_t{1} << 20);
  EXPECT_LE(*available, std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE));
}

}  // namespace
}  // namespace duet::core
