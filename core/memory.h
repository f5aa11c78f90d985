// The memory of the machine: how much there is, and how the program's allocator treats what is
// freed.
#pragma once

#include <cstdint>
#include <optional>

namespace duet::core {

// Keeps freed memory for what is allocated next, for the rest of the program. glibc by default
// returns blocks of a megabyte to the system and takes them back page by page, which can cost a
// learner's step as much as its arithmetic. Does nothing with other C libraries.
void KeepFreedMemory();

// Bytes that this process can still get without swapping: what the machine has available, or less
// where a control group limits it. Nothing where the system does not tell.
std::optional<std::int64_t> AvailableMemory();

}  // namespace duet::core
