// Text in columns, by characters on the screen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace duet::runners {

// Characters on the screen of UTF-8 text: all but continuation bytes.
std::size_t Width(std::string_view text);
// The text cut to a width, its last character then an ellipsis.
std::string Clip(std::string_view text, std::size_t width);
std::string PadRight(std::string_view text, std::size_t width);
std::string PadLeft(std::string_view text, std::size_t width);
// "850", "15,000", "1.25 M".
std::string ShortCount(std::int64_t count);
// Breaks a sentence between words; following lines are indented. Ends with a newline.
std::string Wrap(std::string_view text, std::size_t columns);

}  // namespace duet::runners
