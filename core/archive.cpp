#include "core/archive.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"

namespace duet::core {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "duet";

std::string TypeName(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "F32";
    case ElementType::kFloat64:
      return "F64";
    case ElementType::kInt64:
      return "I64";
    case ElementType::kUint8:
      return "U8";
  }
  return "";
}

ElementType TypeFromName(const std::string& name) {
  for (const ElementType type :
       {ElementType::kFloat32, ElementType::kFloat64, ElementType::kInt64, ElementType::kUint8}) {
    if (TypeName(type) == name) return type;
  }
  throw IoError(fmt::format("element type \"{}\" is unknown", name));
}

// The header as it stands in the file; arrays start on a multiple of 8 bytes.
std::string HeaderText(const json& header) {
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

[[noreturn]] void Damaged(const std::filesystem::path& path, std::string_view what) {
  throw IoError(fmt::format("{}: {}; allowed is a complete file written by this program",
                            path.string(), what));
}

}  // namespace

std::size_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return 4;
    case ElementType::kFloat64:
    case ElementType::kInt64:
      return 8;
    case ElementType::kUint8:
      return 1;
  }
  return 0;
}

void ArchiveWriter::AddArray(const std::string& name, ElementType type,
                             std::vector<std::int64_t> shape, std::span<const std::byte> bytes) {
  arrays_[name] = {type, std::move(shape), bytes};
}

void ArchiveWriter::AddOwnedArray(const std::string& name, ElementType type,
                                  std::vector<std::int64_t> shape, std::string bytes) {
  const std::string& kept = owned_.emplace_back(std::move(bytes));
  AddArray(name, type, std::move(shape), std::as_bytes(std::span(kept)));
}

void ArchiveWriter::AddBytes(const std::string& name, std::string bytes) {
  const std::int64_t size = static_cast<std::int64_t>(bytes.size());
  AddOwnedArray(name, ElementType::kUint8, {size}, std::move(bytes));
}

void ArchiveWriter::AddText(const std::string& name, std::string text) {
  texts_[name] = std::move(text);
}

void ArchiveWriter::AddNumber(const std::string& name, std::int64_t number) {
  AddText(name, fmt::format("{}", number));
}

void ArchiveWriter::Write(const std::filesystem::path& path) const {
  json header = json::object();
  std::vector<std::span<const std::byte>> pieces(2);
  std::size_t offset = 0;
  for (const auto& [name, entry] : arrays_) {
    header[name] = {{"dtype", TypeName(entry.type)},
                    {"shape", entry.shape},
                    {"data_offsets", {offset, offset + entry.bytes.size()}}};
    offset += entry.bytes.size();
    pieces.push_back(entry.bytes);
  }
  json& metadata = header["__metadata__"] = texts_;
  metadata["format"] = kFormat;
  metadata["version"] = fmt::format("{}", kArchiveVersion);
  Sha256 digest;
  digest.Update(header.dump());
  for (const auto piece : pieces) digest.Update(piece);
  metadata["sha256"] = digest.HexDigest();

  const std::string text = HeaderText(header);
  const std::uint64_t size = text.size();
  pieces[0] = std::as_bytes(std::span(&size, 1));
  pieces[1] = std::as_bytes(std::span(text));
  WriteFileAtomically(path, pieces);
}

ArchiveReader::ArchiveReader(const std::filesystem::path& path)
    : path_(path), content_(ReadFile(path)) {
  std::uint64_t header_size = 0;
  if (content_.size() < sizeof(header_size)) Damaged(path, "the file is cut off");
  std::memcpy(&header_size, content_.data(), sizeof(header_size));
  if (header_size > content_.size() - sizeof(header_size)) {
    Damaged(path, "the file is cut off or of another kind");
  }
  const std::span<const std::byte> data =
      std::as_bytes(std::span(content_)).subspan(sizeof(header_size) + header_size);
  try {
    const std::string_view text(content_.data() + sizeof(header_size), header_size);
    json header = json::parse(text);
    json& metadata = header.at("__metadata__");
    if (metadata.at("format") != kFormat) Damaged(path, "the file is of another kind");
    const int version = std::stoi(metadata.at("version").get<std::string>());
    if (version > kArchiveVersion) {
      throw IoError(
          fmt::format("{}: written in format version {}; this program reads versions up to {}: use "
                      "a newer Duet",
                      path.string(), version, kArchiveVersion));
    }
    // Whatever is written in another way than by ArchiveWriter has been changed.
    const bool as_written = HeaderText(header) == text;
    const std::string expected = metadata.at("sha256");
    metadata.erase("sha256");
    Sha256 digest;
    digest.Update(header.dump());
    digest.Update(data);
    if (!as_written || digest.HexDigest() != expected) {
      Damaged(path, "the content does not match its checksum");
    }
    for (const char* key : {"format", "version"}) metadata.erase(key);
    texts_ = metadata.get<std::map<std::string, std::string>>();
    header.erase("__metadata__");
    for (const auto& [name, entry] : header.items()) {
      Array array;
      array.type = TypeFromName(entry.at("dtype"));
      array.shape = entry.at("shape").get<std::vector<std::int64_t>>();
      const std::size_t begin = entry.at("data_offsets").at(0);
      const std::size_t end = entry.at("data_offsets").at(1);
      std::size_t bytes = ElementSize(array.type);
      for (const std::int64_t size : array.shape) bytes *= static_cast<std::size_t>(size);
      if (begin > end || end > data.size() || bytes != end - begin) {
        Damaged(path, fmt::format("the array \"{}\" is cut off", name));
      }
      array.bytes = data.subspan(begin, end - begin);
      arrays_.emplace(name, std::move(array));
    }
  } catch (const json::exception&) {
    Damaged(path, "the header is damaged");
  } catch (const std::logic_error&) {
    Damaged(path, "the header is damaged");
  }
}

bool ArchiveReader::Has(const std::string& name) const {
  return arrays_.count(name) > 0 || texts_.count(name) > 0;
}

const ArchiveReader::Array& ArchiveReader::GetArray(const std::string& name) const {
  const auto it = arrays_.find(name);
  if (it == arrays_.end()) {
    throw IoError(fmt::format("{}: there is no array \"{}\"", path_.string(), name));
  }
  return it->second;
}

std::string ArchiveReader::GetBytes(const std::string& name) const {
  const std::span<const std::byte> bytes = GetArray(name).bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const std::string& ArchiveReader::GetText(const std::string& name) const {
  const auto it = texts_.find(name);
  if (it == texts_.end()) {
    throw IoError(fmt::format("{}: there is no entry \"{}\"", path_.string(), name));
  }
  return it->second;
}

std::int64_t ArchiveReader::GetNumber(const std::string& name) const {
  const std::string& text = GetText(name);
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    throw IoError(fmt::format("{}: the entry \"{}\" is not a number", path_.string(), name));
  }
  return number;
}

}  // namespace duet::core
