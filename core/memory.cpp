#include "core/memory.h"

#include <cstdlib>  // says whether this is glibc
#include <limits>

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

}  // namespace duet::core
