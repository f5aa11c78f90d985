#include "distill/tasks/data/mapped_file.h"

#include <ATen/ops/from_blob.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/error.h"

namespace duet::tasks {
namespace {

[[noreturn]] void ThrowUnreadable(const std::filesystem::path& path, int code) {
  throw IoError(
      fmt::format("{}: cannot read: {}", path.string(), std::system_category().message(code)));
}

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      // A pipe must not wait for its writer.
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0) ThrowUnreadable(path, errno);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

agents::Tensor MapFile(const std::filesystem::path& path) {
  const Descriptor file(path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) ThrowUnreadable(path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw IoError(fmt::format("{}: cannot read: it is not a regular file", path.string()));
  }
  if (status.st_size == 0) throw IoError(fmt::format("{}: the file is empty", path.string()));
  const auto size = static_cast<std::size_t>(status.st_size);
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (bytes == MAP_FAILED) ThrowUnreadable(path, errno);
  return at::from_blob(
      bytes, {status.st_size}, [size](void* mapped) { ::munmap(mapped, size); }, at::kByte);
}

}  // namespace duet::tasks
