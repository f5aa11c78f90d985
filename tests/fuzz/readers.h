// Every reader of data files as a function of bytes, for inputs of any kind.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace duet::fuzz {

// Reads the bytes as a file of one format. Returns whether they were one; a duet::Error is the
// proper answer to any other bytes. Throws std::logic_error where what was read breaks the reader's
// promise.
using Reader = bool (*)(std::span<const std::byte> bytes);

struct Format {
  std::string_view name;  // also of the folder of examples, tests/fuzz/corpus/<name>
  Reader read;
};

// One row for each format.
std::span<const Format> Formats();

}  // namespace duet::fuzz
