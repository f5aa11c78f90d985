// How the program's allocator treats memory that is freed.
#pragma once

namespace duet::core {

// Keeps freed memory for what is allocated next, for the rest of the program. glibc by default
// returns blocks of a megabyte to the system and takes them back page by page, which can cost a
// learner's step as much as its arithmetic. Does nothing with other C libraries.
void KeepFreedMemory();

}  // namespace duet::core
