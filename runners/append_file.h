// A file that only grows, in whole records.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace duet::runners {

// Collects records and writes them on Flush. Where the disk is full, the file is cut back to its
// last whole record, so it stays readable. Not thread-safe.
class AppendFile {
 public:
  // Opens or creates the file; its parent folder must exist. Throws IoError.
  explicit AppendFile(const std::filesystem::path& path);
  // Cuts the file to `size` bytes first. Throws IoError where it is shorter.
  AppendFile(const std::filesystem::path& path, std::uintmax_t size);
  // Flushes what can be flushed; never throws.
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  AppendFile& operator=(AppendFile&&) = delete;

  void Append(std::string_view record) { pending_ += record; }
  // Throws IoError; the pending records are dropped then.
  void Flush();
  // Cuts the file to `size` bytes and drops what is pending. Throws IoError where it is shorter.
  void Truncate(std::uintmax_t size);
  // What has been written. Throws IoError.
  std::string Read() const;
  // Bytes written and pending.
  std::uintmax_t Size() const { return written_ + pending_.size(); }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uintmax_t written_ = 0;
  std::string pending_;
};

}  // namespace duet::runners
