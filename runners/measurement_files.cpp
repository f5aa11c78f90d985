#include "runners/measurement_files.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace duet::runners {

std::string CsvCell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

double SecondsSince1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

MeasurementFiles::MeasurementFiles(const std::filesystem::path& folder, std::string_view columns)
    : folder_(folder), csv_(folder / "metrics.csv") {
  if (csv_.Size() == 0) {
    AppendRow(columns);
    csv_.Flush();
    return;
  }
  const std::string content = csv_.Read();
  if (!content.starts_with(fmt::format("{}\n", columns))) {
    throw IoError(fmt::format("{}: the first line is \"{}\", \"{}\" is allowed",
                              csv_.path().string(), content.substr(0, content.find('\n')),
                              columns));
  }
}

void MeasurementFiles::AppendRow(std::string_view row) { csv_.Append(fmt::format("{}\n", row)); }

EventWriter& MeasurementFiles::Events(const std::string& stream) {
  const auto found = events_.find(stream);
  if (found != events_.end()) return found->second;
  return events_.emplace(stream, EventWriter(folder_ / "events" / stream)).first->second;
}

void MeasurementFiles::Flush() {
  csv_.Flush();
  for (auto& [stream, events] : events_) events.Flush();
}

std::string MeasurementFiles::SaveState() const {
  nlohmann::json sizes = nlohmann::json::object();
  for (const auto& [stream, events] : events_) sizes[stream] = events.Size();
  return nlohmann::json{{"metrics_csv", csv_.Size()}, {"events", sizes}}.dump();
}

void MeasurementFiles::LoadState(const std::string& state) {
  std::uintmax_t csv_size = 0;
  std::map<std::string, std::uintmax_t> event_sizes;
  try {
    const nlohmann::json json = nlohmann::json::parse(state);
    csv_size = json.at("metrics_csv").get<std::uintmax_t>();
    event_sizes = json.at("events").get<std::map<std::string, std::uintmax_t>>();
  } catch (const nlohmann::json::exception&) {
    throw IoError(fmt::format("{}: the sizes of its metrics in the checkpoint are damaged",
                              folder_.string()));
  }
  csv_.Truncate(csv_size);
  events_.clear();
  // Streams that began after the checkpoint begin anew.
  std::error_code code;
  const std::filesystem::path root = folder_ / "events";
  for (auto entry = std::filesystem::recursive_directory_iterator(root, code);
       !code && entry != std::filesystem::recursive_directory_iterator(); entry.increment(code)) {
    if (!entry->is_regular_file()) continue;
    const std::string stream =
        std::filesystem::relative(entry->path().parent_path(), root).generic_string();
    if (event_sizes.contains(stream)) continue;
    AppendFile(entry->path()).Truncate(0);
  }
  for (const auto& [stream, size] : event_sizes) {
    events_.emplace(stream, EventWriter(root / stream, size));
  }
}

}  // namespace duet::runners
