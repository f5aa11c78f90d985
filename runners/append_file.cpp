#include "runners/append_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace duet::runners {
namespace {

[[noreturn]] void ThrowSystemError(std::string_view doing, const std::filesystem::path& path,
                                   int code) {
  throw IoError(
      fmt::format("{}: cannot {}: {}", path.string(), doing, std::system_category().message(code)));
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) ThrowSystemError("write", path, errno);
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    const int code = errno;
    ::close(std::exchange(descriptor_, -1));
    ThrowSystemError("read", path, code);
  }
  written_ = static_cast<std::uintmax_t>(status.st_size);
}

AppendFile::AppendFile(const std::filesystem::path& path, std::uintmax_t size) : AppendFile(path) {
  Truncate(size);
}

AppendFile::~AppendFile() {
  if (descriptor_ < 0) return;
  try {
    Flush();
  } catch (const IoError&) {
    // Whoever must know calls Flush.
  }
  ::close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      written_(other.written_),
      pending_(std::move(other.pending_)) {}

void AppendFile::Truncate(std::uintmax_t size) {
  pending_.clear();
  if (size > written_) {
    throw IoError(fmt::format("{}: holds {} bytes, at least the {} of the checkpoint are needed",
                              path_.string(), written_, size));
  }
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
    ThrowSystemError("shorten", path_, errno);
  }
  written_ = size;
}

void AppendFile::Flush() {
  const std::string pending = std::exchange(pending_, {});
  std::string_view rest = pending;
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      const int code = errno;
      // Shortening needs no space, so what was whole stays whole.
      if (::ftruncate(descriptor_, static_cast<off_t>(written_)) != 0) {
        ThrowSystemError("shorten", path_, errno);
      }
      ThrowSystemError("write", path_, code);
    }
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  written_ += pending.size();
}

std::string AppendFile::Read() const {
  std::string content(written_, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::pread(descriptor_, content.data() + done, content.size() - done,
                                  static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ThrowSystemError("read", path_, count < 0 ? errno : EIO);
    done += static_cast<std::size_t>(count);
  }
  return content;
}

}  // namespace duet::runners
