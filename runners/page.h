// Self-contained pages of HTML: charts, style and data are inside, nothing is loaded from
// elsewhere.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runners/json_node.h"

namespace duet::runners {

// Colours of report.css, --series-0 to --series-7.
inline constexpr std::size_t kColors = 8;

// Text as HTML.
std::string Escape(std::string_view text);
// Replaces each {{name}} of the template, once: a value is never searched again.
std::string Fill(std::string_view text, const std::map<std::string, std::string>& values);
// A small square of a series' colour.
std::string Key(std::size_t color);
// The first cell of a row is its heading; cells are HTML.
std::string Table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows);
// "812.4 [640.1, 930.0]" with the interval in softer ink.
std::string WithRange(std::string_view text);

// Facts that are empty are left out.
struct Page {
  std::string name, subject;
  std::string counts;          // "3 methods · 5 seeds"
  std::string main, protocol;  // HTML: the sections, and how to read them
  Provenance provenance;
  double wall_seconds = 0.0;
  std::string fingerprint;
  std::string config_toml;  // the settings, folded away
  Json data;                // for the script
  std::string script;       // JavaScript that finds Chart.js and what charts.js has
};
std::string RenderPage(const Page& page);

}  // namespace duet::runners
