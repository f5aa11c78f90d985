#include "runners/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "runners/summary.h"

namespace duet::runners {

std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Clip(std::string_view text, std::size_t width) {
  if (Width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) continue;
    if (shown++ == width - 1) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string PadRight(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, Width(text)), ' ');
}

std::string PadLeft(std::string_view text, std::size_t width) {
  return std::string(width - std::min(width, Width(text)), ' ') + std::string(text);
}

std::string ShortCount(std::int64_t count) {
  if (count < 1'000'000) return FormatCount(count);
  const double millions = static_cast<double>(count) / 1e6;
  if (millions < 1000.0) return fmt::format("{:.4g} M", millions);
  return fmt::format("{:.4g} G", millions / 1000.0);
}

std::string Wrap(std::string_view text, std::size_t columns) {
  std::string lines, line;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (!line.empty() && Width(line) + 1 + Width(word) > columns) {
      lines += line + "\n";
      line.assign(1, ' ');
    }
    if (!line.empty()) line += " ";
    line += word;
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  return lines + line + "\n";
}

}  // namespace duet::runners
