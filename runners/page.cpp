#include "runners/page.h"

#include <fmt/format.h>

#include <utility>

#include "runners/console.h"

namespace duet::runners {
namespace assets {

// Files of runners/assets and the chart library, put into the program when it is built.
extern const std::string_view kPageHtml;
extern const std::string_view kReportCss;
extern const std::string_view kChartsJs;
extern const std::string_view kChartJs;

}  // namespace assets
namespace {

// JSON that cannot end the script element it stands in.
std::string ScriptJson(const Json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string Fill(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string page;
  for (;;) {
    const std::size_t begin = text.find("{{");
    if (begin == std::string_view::npos) return page.append(text);
    const std::size_t end = text.find("}}", begin);
    page.append(text.substr(0, begin));
    page += values.at(std::string(text.substr(begin + 2, end - begin - 2)));
    text.remove_prefix(end + 2);
  }
}

std::string Key(std::size_t color) {
  return fmt::format("<span class=\"key\" style=\"background:var(--series-{})\"></span>", color);
}

std::string Table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"table\" tabindex=\"0\"><table><thead><tr>";
  for (const std::string& cell : head) html += "<th scope=\"col\">" + cell + "</th>";
  html += "</tr></thead><tbody>";
  for (const std::vector<std::string>& row : rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      html += i == 0 ? "<th scope=\"row\">" + row[i] + "</th>" : "<td>" + row[i] + "</td>";
    }
    html += "</tr>";
  }
  return html + "</tbody></table></div>";
}

std::string WithRange(std::string_view text) {
  const std::size_t space = text.find(' ');
  return fmt::format("{} <span class=\"range\">{}</span>", text.substr(0, space),
                     text.substr(space + 1));
}

namespace {

std::string ProvenanceList(const Page& page) {
  const Provenance& from = page.provenance;
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"Started", from.started},        {"Wall time", FormatDuration(page.wall_seconds)},
      {"Hardware", from.hardware},      {"Device", from.device},
      {"Duet", from.duet_version},      {"LibTorch", from.libtorch_version},
      {"MuJoCo", from.mujoco_version},  {"Compiler", from.compiler},
      {"Fingerprint", page.fingerprint}};
  std::string html = "<dl>";
  for (const auto& [name, value] : facts) {
    if (value.empty()) continue;
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", name, Escape(value));
  }
  return html + "</dl>";
}

std::string SettingsDetails(const std::string& config_toml) {
  if (config_toml.empty()) return "";
  return "<details><summary>Settings, with all defaults</summary><pre>" + Escape(config_toml) +
         "</pre></details>";
}

std::string Facts(const Page& page) {
  std::string text = page.counts + " · " + FormatDuration(page.wall_seconds);
  for (const std::string& fact : {page.provenance.device, page.provenance.started}) {
    if (!fact.empty()) text += " · " + fact;
  }
  return text;
}

}  // namespace

std::string RenderPage(const Page& page) {
  return Fill(assets::kPageHtml, {{"title", Escape(page.name + " · " + page.subject)},
                                  {"name", Escape(page.name)},
                                  {"subject", Escape(page.subject)},
                                  {"facts", Escape(Facts(page))},
                                  {"main", page.main},
                                  {"protocol", page.protocol},
                                  {"provenance", ProvenanceList(page)},
                                  {"settings", SettingsDetails(page.config_toml)},
                                  {"version", Escape(page.provenance.duet_version)},
                                  {"style", std::string(assets::kReportCss)},
                                  {"data", ScriptJson(page.data)},
                                  {"chart_js", std::string(assets::kChartJs)},
                                  {"script", std::string(assets::kChartsJs) + page.script}});
}

}  // namespace duet::runners
