// Named arrays and texts in one file: checkpoints and policies.
//
// The file is in the safetensors layout (8 bytes header length, a JSON header, raw little-endian
// arrays), so other programs read the arrays with any safetensors library. The header's metadata
// carries the format's name, its version and the SHA-256 of header and arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace duet::core {

// Versions this program writes and reads.
inline constexpr int kArchiveVersion = 1;

enum class ElementType { kFloat32, kFloat64, kInt64, kUint8 };

// Bytes per element.
std::size_t ElementSize(ElementType type);

class ArchiveWriter {
 public:
  // The bytes are not copied: they must live until Write.
  void AddArray(const std::string& name, ElementType type, std::vector<std::int64_t> shape,
                std::span<const std::byte> bytes);
  // The same for bytes that the writer keeps itself.
  void AddOwnedArray(const std::string& name, ElementType type, std::vector<std::int64_t> shape,
                     std::string bytes);
  // Bytes of any kind, kept by the writer; read back with GetBytes.
  void AddBytes(const std::string& name, std::string bytes);
  // UTF-8 text.
  void AddText(const std::string& name, std::string text);
  void AddNumber(const std::string& name, std::int64_t number);

  // Writes the file atomically. Throws IoError; an older file of that name stays then.
  void Write(const std::filesystem::path& path) const;

 private:
  struct Entry {
    ElementType type;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;
  };
  std::map<std::string, Entry> arrays_;
  std::deque<std::string> owned_;  // addresses stay
  std::map<std::string, std::string> texts_;
};

class ArchiveReader {
 public:
  // Reads and checks the whole file. Throws IoError where it is missing, damaged, or of a later
  // version.
  explicit ArchiveReader(const std::filesystem::path& path);

  struct Array {
    ElementType type;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;  // valid as long as the reader
  };

  bool Has(const std::string& name) const;
  // Throw IoError where there is no such entry.
  const Array& GetArray(const std::string& name) const;
  std::string GetBytes(const std::string& name) const;
  const std::string& GetText(const std::string& name) const;
  std::int64_t GetNumber(const std::string& name) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string content_;
  std::map<std::string, Array> arrays_;
  std::map<std::string, std::string> texts_;
};

}  // namespace duet::core
