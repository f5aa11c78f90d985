#include "distill/tasks/data/gzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/error.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kPieceBytes = 1 << 20;

using Stream = std::unique_ptr<archive, decltype(&archive_read_free)>;

[[noreturn]] void ThrowDamaged(archive* stream, std::string_view where) {
  const char* reason = archive_error_string(stream);
  throw IoError(fmt::format("{}: damaged gzip file: {}", where,
                            reason == nullptr ? "not in this format" : reason));
}

Stream Open(std::span<const std::byte> compressed, std::string_view where) {
  Stream stream(archive_read_new(), &archive_read_free);
  archive_read_support_filter_gzip(stream.get());
  archive_read_support_format_raw(stream.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(stream.get(), compressed.data(), compressed.size()) != ARCHIVE_OK ||
      archive_read_next_header(stream.get(), &entry) != ARCHIVE_OK) {
    ThrowDamaged(stream.get(), where);
  }
  if (archive_filter_code(stream.get(), 0) != ARCHIVE_FILTER_GZIP) {
    throw IoError(fmt::format("{}: not a gzip file", where));
  }
  return stream;
}

}  // namespace

std::string Gunzip(std::span<const std::byte> compressed, std::int64_t most,
                   std::string_view where) {
  const Stream stream = Open(compressed, where);
  std::string content;
  while (static_cast<std::int64_t>(content.size()) < most) {
    const std::size_t filled = content.size();
    const auto piece =
        static_cast<std::size_t>(std::min(kPieceBytes, most - static_cast<std::int64_t>(filled)));
    content.resize(filled + piece);
    const la_ssize_t read = archive_read_data(stream.get(), content.data() + filled, piece);
    if (read < 0) ThrowDamaged(stream.get(), where);
    content.resize(filled + static_cast<std::size_t>(read));
    if (read == 0) break;
  }
  return content;
}

}  // namespace duet::tasks
