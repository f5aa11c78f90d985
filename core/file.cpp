#include "core/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace duet::core {
namespace {

[[noreturn]] void ThrowSystemError(std::string_view doing, const std::filesystem::path& path,
                                   int code) {
  throw IoError(
      fmt::format("{}: cannot {}: {}", path.string(), doing, std::system_category().message(code)));
}

constexpr std::string_view kPartial = ".partial-";

// Removes what processes that were killed amid writing `target` have left.
void RemoveAbandonedParts(const std::filesystem::path& target) {
  const std::string prefix = target.filename().string() + std::string(kPartial);
  std::error_code code;
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  for (std::filesystem::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const int process = std::atoi(name.c_str() + prefix.size());
    if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) ::unlink(entry->path().c_str());
  }
}

// Writes to `path` or says that `target` cannot be written.
class OpenFile {
 public:
  OpenFile(const std::filesystem::path& path, const std::filesystem::path& target, int flags)
      : target_(target), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) ThrowSystemError("write", target_, errno);
  }
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  void Write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0) {
        if (errno == EINTR) continue;
        ThrowSystemError("write", target_, errno);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  // What was written, by whatever descriptor, has reached the disk.
  void SyncAndClose() {
    if (::fsync(descriptor_) != 0) ThrowSystemError("write", target_, errno);
    if (::close(std::exchange(descriptor_, -1)) != 0) ThrowSystemError("write", target_, errno);
  }

 private:
  std::filesystem::path target_;
  int descriptor_;
};

}  // namespace

std::string ReadFile(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::status(path, code);
  if (std::filesystem::is_directory(status)) ThrowSystemError("read", path, EISDIR);
  // Reading a pipe could wait for ever, and a device could have no end.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw IoError(fmt::format("{}: cannot read: it is not a regular file", path.string()));
  }
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) ThrowSystemError("read", path, errno);
  std::string content(static_cast<std::size_t>(in.tellg()), '\0');
  in.seekg(0);
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!in) ThrowSystemError("read", path, EIO);
  return content;
}

PartialFile::PartialFile(const std::filesystem::path& target)
    : target_(target), path_(target.string() + fmt::format("{}{}", kPartial, ::getpid())) {
  RemoveAbandonedParts(target);
}

PartialFile::~PartialFile() {
  if (!in_place_) ::unlink(path_.c_str());
}

void PartialFile::MoveIntoPlace() {
  OpenFile(path_, target_, O_WRONLY).SyncAndClose();
  if (::rename(path_.c_str(), target_.c_str()) != 0) ThrowSystemError("write", target_, errno);
  in_place_ = true;
  // The rename itself must survive a power cut.
  const std::string folder = target_.has_parent_path() ? target_.parent_path().string() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

void WriteFileAtomically(const std::filesystem::path& path,
                         std::span<const std::span<const std::byte>> pieces) {
  PartialFile partial(path);
  {
    OpenFile file(partial.path(), path, O_WRONLY | O_CREAT | O_TRUNC);
    for (const auto piece : pieces) file.Write(piece);
    file.SyncAndClose();
  }
  partial.MoveIntoPlace();
}

void WriteFileAtomically(const std::filesystem::path& path, std::string_view content) {
  const std::span<const std::byte> piece = std::as_bytes(std::span(content));
  WriteFileAtomically(path, std::span(&piece, 1));
}

void CreateFolder(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) {
    throw IoError(fmt::format("{}: cannot create the folder: {}", path.string(), code.message()));
  }
}

FolderLock::FolderLock(const std::filesystem::path& folder) {
  descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) ThrowSystemError("open", folder, errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw IoError(
        fmt::format("{}: another process is at work in this folder; allowed is one at a time",
                    folder.string()));
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

Digest::Digest(const char* algorithm) : context_(EVP_MD_CTX_new()) {
  const EVP_MD* kind = EVP_get_digestbyname(algorithm);
  if (context_ == nullptr || kind == nullptr ||
      EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), kind, nullptr) != 1) {
    EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
    throw Error(fmt::format("{} is not available in this system's OpenSSL", algorithm));
  }
}

Digest::~Digest() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }

void Digest::Update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size());
}

void Digest::Update(std::string_view text) { Update(std::as_bytes(std::span(text))); }

std::string Digest::HexDigest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), &size);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string FileSha256(const std::filesystem::path& path) {
  Sha256 digest;
  digest.Update(ReadFile(path));
  return digest.HexDigest();
}

}  // namespace duet::core
