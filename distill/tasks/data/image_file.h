// Pictures in files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "agents/tensor.h"

namespace duet::tasks {

// A PNG, JPEG or PNM (PBM, PGM, PPM) file as [3, H, W] uint8, red, green, blue; grey ones have
// three equal channels and transparency is left out. Throws IoError naming `where` where the bytes
// are none of these, are damaged, or hold more than 64 million pixels.
agents::Tensor DecodeImage(std::span<const std::byte> bytes, std::string_view where);

// Whether the name ends as those of such files do: .png, .jpg, .jpeg, .pbm, .pgm, .ppm or .pnm.
bool IsImageName(const std::filesystem::path& path);

}  // namespace duet::tasks
