// Files as bytes without reading them first.
#pragma once

#include <filesystem>

#include "agents/tensor.h"

namespace duet::tasks {

// A whole file as [bytes] uint8, mapped into memory for as long as the tensor or a view of it
// lives. It must not be written to, and the file must not become shorter meanwhile: the program
// ends then. Throws IoError naming the path where it cannot be read, is no regular file, or is
// empty.
agents::Tensor MapFile(const std::filesystem::path& path);

}  // namespace duet::tasks
