#include "runners/data/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>

#include "core/error.h"
#include "core/file.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = 1 << 16;

using Stream = std::unique_ptr<::archive, decltype(&archive_read_free)>;

[[noreturn]] void ThrowDamaged(::archive* stream, const fs::path& path) {
  const char* reason = archive_error_string(stream);
  throw IoError(fmt::format("{}: damaged archive: {}", path.string(),
                            reason == nullptr ? "unknown format" : reason));
}

Stream Open(const fs::path& path) {
  Stream stream(archive_read_new(), &archive_read_free);
  archive_read_support_filter_gzip(stream.get());
  archive_read_support_format_tar(stream.get());
  archive_read_support_format_zip(stream.get());
  if (archive_read_open_filename(stream.get(), path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    ThrowDamaged(stream.get(), path);
  }
  return stream;
}

void WriteEntry(::archive* stream, const fs::path& path, const fs::path& target) {
  core::CreateFolder(target.parent_path());
  std::ofstream out(target, std::ios::binary);
  std::array<char, kBlockBytes> block{};
  for (;;) {
    const la_ssize_t read = archive_read_data(stream, block.data(), block.size());
    if (read < 0) ThrowDamaged(stream, path);
    if (read == 0) break;
    out.write(block.data(), read);
  }
  out.close();
  if (!out) throw IoError(fmt::format("{}: cannot write", target.string()));
}

bool LeadsOut(const fs::path& name) {
  return name.empty() || name.is_absolute() || std::ranges::find(name, "..") != name.end();
}

void UnpackInto(const fs::path& path, const fs::path& folder) {
  const Stream stream = Open(path);
  archive_entry* entry = nullptr;
  int code = ARCHIVE_OK;
  while ((code = archive_read_next_header(stream.get(), &entry)) == ARCHIVE_OK) {
    const char* text = archive_entry_pathname(entry);
    const fs::path name = text == nullptr ? "" : text;
    const auto type = archive_entry_filetype(entry);
    if (LeadsOut(name) || (type != AE_IFREG && type != AE_IFDIR) ||
        archive_entry_hardlink(entry) != nullptr) {
      throw IoError(fmt::format("{}: the archive holds \"{}\"; allowed are files and folders in it",
                                path.string(), name.string()));
    }
    if (type == AE_IFREG) WriteEntry(stream.get(), path, folder / name);
  }
  if (code != ARCHIVE_EOF) ThrowDamaged(stream.get(), path);
}

// Moves what is in `from` over what is in `to`.
void MoveContents(const fs::path& from, const fs::path& to) {
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const fs::path target = to / entry.path().filename();
    if (entry.is_directory() && fs::is_directory(target)) {
      MoveContents(entry.path(), target);
    } else {
      fs::rename(entry.path(), target);
    }
  }
}

}  // namespace

bool IsArchive(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".tar.gz") || name.ends_with(".tgz") || name.ends_with(".zip");
}

void Unpack(const fs::path& archive, const fs::path& folder) {
  const fs::path unpacking = folder / ".unpacking";
  try {
    fs::remove_all(unpacking);
    core::CreateFolder(unpacking);
    UnpackInto(archive, unpacking);
    MoveContents(unpacking, folder);
    fs::remove_all(unpacking);
  } catch (const fs::filesystem_error& error) {
    throw IoError(fmt::format("{}: cannot unpack: {}", archive.string(), error.code().message()));
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove_all(unpacking, ignored);
    throw;
  }
}

}  // namespace duet::runners
