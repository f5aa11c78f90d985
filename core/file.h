// Files that are never half-written, and digests.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace duet::core {

// The whole file. Throws IoError naming the path and the system's reason.
std::string ReadFile(const std::filesystem::path& path);

// A name beside `target` for a file that becomes `target` when it is complete, and goes away with
// this object if it never does. The caller creates and closes the file.
class PartialFile {
 public:
  // Removes what killed processes have left beside `target`.
  explicit PartialFile(const std::filesystem::path& target);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Replaces `target` at once, lastingly. Throws IoError, and `target` is as before.
  void MoveIntoPlace();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
  bool in_place_ = false;
};

// Replaces `path` by `content` at once: after a crash, a kill or a full disk the old file or the
// new one is there, never a part. Throws IoError; the old file stays then.
void WriteFileAtomically(const std::filesystem::path& path, std::string_view content);
// The same for content in several pieces, written one after the other.
void WriteFileAtomically(const std::filesystem::path& path,
                         std::span<const std::span<const std::byte>> pieces);

// Creates the folder and its parents. Throws IoError.
void CreateFolder(const std::filesystem::path& path);

// Keeps other processes out of a folder for as long as it lives, also where this process is killed.
class FolderLock {
 public:
  // Throws IoError where another process has the folder, or where there is none.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

// A digest in hexadecimal of everything given to Update so far.
class Digest {
 public:
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void Update(std::span<const std::byte> bytes);
  void Update(std::string_view text);
  // May be called once.
  std::string HexDigest();

 protected:
  // Throws Error where this system's OpenSSL does not have the algorithm of that name.
  explicit Digest(const char* algorithm);
  ~Digest();

 private:
  void* context_;
};

class Sha256 : public Digest {
 public:
  Sha256() : Digest("SHA256") {}
};

// SHA-256 of a whole file. Throws as ReadFile.
std::string FileSha256(const std::filesystem::path& path);

// For files whose publishers give no better one.
class Md5 : public Digest {
 public:
  Md5() : Digest("MD5") {}
};

}  // namespace duet::core
