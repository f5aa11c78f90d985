// Files compressed with gzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace duet::tasks {

// The first bytes of what was compressed, `most` at most. Throws IoError naming `where` where the
// bytes up to there are no whole gzip stream.
std::string Gunzip(std::span<const std::byte> compressed, std::int64_t most,
                   std::string_view where);

}  // namespace duet::tasks
