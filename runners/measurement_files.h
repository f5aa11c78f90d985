// The files into which the measurements of a run go: metrics.csv and one TensorBoard event file per
// stream.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "runners/append_file.h"
#include "runners/event_writer.h"

namespace duet::runners {

// Holds `metrics.csv` and the folder `events/`. Not thread-safe.
class MeasurementFiles {
 public:
  // `folder` must exist; `columns` are the CSV's, comma-separated. Continues the files that are
  // there; a metrics.csv with other columns is an IoError.
  MeasurementFiles(const std::filesystem::path& folder, std::string_view columns);

  // A line of the CSV, without its end.
  void AppendRow(std::string_view row);
  // The event file in the folder `stream` below events/.
  EventWriter& Events(const std::string& stream);
  // Gives everything to the system. Throws IoError with the path; the files stay readable.
  void Flush();

  // Where the files end, as text for a checkpoint; LoadState cuts them back to there, so that a
  // resumed run writes nothing twice. LoadState throws IoError where a file is shorter.
  std::string SaveState() const;
  void LoadState(const std::string& state);

 private:
  std::filesystem::path folder_;
  AppendFile csv_;
  std::map<std::string, EventWriter> events_;  // by folder below events/
};

// The shortest text that reads back as the same number; empty for NaN.
std::string CsvCell(double value);

// Now, as events are stamped.
double SecondsSince1970();

}  // namespace duet::runners
