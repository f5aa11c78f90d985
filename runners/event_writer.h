// Scalars for TensorBoard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "runners/append_file.h"

namespace duet::runners {

// Writes the event file of one folder. Not thread-safe.
class EventWriter {
 public:
  // Starts the file, or continues the one that is there. Creates the folder. Throws IoError.
  explicit EventWriter(const std::filesystem::path& folder);
  // Continues the file as it was when Size() was `size`: what came after is cut off. Throws IoError
  // where the file is shorter.
  EventWriter(const std::filesystem::path& folder, std::uintmax_t size);

  // `wall_time` in seconds since 1970. Throws IoError; the file stays readable then.
  void AddScalar(std::string_view tag, std::int64_t step, double value, double wall_time);
  // Gives everything added so far to the system.
  void Flush();
  // Bytes of the file, with what Flush would write.
  std::uintmax_t Size() const { return file_.Size(); }

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void Start();

  AppendFile file_;
};

}  // namespace duet::runners
