// What libFuzzer calls, for the format DUET_FUZZ_FORMAT.
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  for (const duet::fuzz::Format& format : duet::fuzz::Formats()) {
    if (format.name == DUET_FUZZ_FORMAT) format.read(std::as_bytes(std::span(bytes, size)));
  }
  return 0;
}
