#include "runners/data/download.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>

#include "core/error.h"
#include "core/file.h"

namespace duet::runners {
namespace {

constexpr long kConnectSeconds = 30, kSilentSeconds = 60;
constexpr int kFutileTries = 3;  // in a row that bring nothing
constexpr std::size_t kMd5Digits = 32;
constexpr long kWhole = 200, kRangeRefused = 416, kServerFault = 500;  // of HTTP

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

std::int64_t SizeOf(const std::filesystem::path& path) {
  std::error_code code;
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  return code ? 0 : static_cast<std::int64_t>(size);
}

template <typename Digest>
std::string DigestOf(const std::filesystem::path& path) {
  Digest digest;
  std::ifstream in(path, std::ios::binary);
  std::array<char, 1 << 16> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
    digest.Update(std::string_view(piece.data(), static_cast<std::size_t>(in.gcount())));
  }
  return digest.HexDigest();
}

std::string ChecksumOf(const std::filesystem::path& path, const tasks::PublishedFile& file) {
  return file.checksum.size() == kMd5Digits ? DigestOf<core::Md5>(path)
                                            : DigestOf<core::Sha256>(path);
}

// What a transfer writes to, and why it stopped.
struct Transfer {
  CURL* handle;
  const tasks::PublishedFile& file;
  const DownloadProgress& progress;
  std::filesystem::path part;
  std::ofstream out;
  std::int64_t bytes;  // in the part
  bool begun = false;
  bool too_long = false;
  bool disk_failed = false;
};

// A server that knows no ranges sends the file from its start.
void Begin(Transfer& transfer) {
  transfer.begun = true;
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  const bool from_start = status == kWhole;
  if (from_start) transfer.bytes = 0;
  transfer.out.open(transfer.part,
                    std::ios::binary | (from_start ? std::ios::trunc : std::ios::app));
}

std::size_t Receive(char* bytes, std::size_t, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  if (!transfer.begun) Begin(transfer);
  transfer.too_long = transfer.bytes + static_cast<std::int64_t>(count) > transfer.file.bytes;
  if (transfer.too_long) return 0;
  transfer.out.write(bytes, static_cast<std::streamsize>(count));
  transfer.disk_failed = !transfer.out;
  if (transfer.disk_failed) return 0;
  transfer.bytes += static_cast<std::int64_t>(count);
  transfer.progress(transfer.bytes);
  return count;
}

Handle MakeHandle(const tasks::PublishedFile& file, std::int64_t from) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Handle handle(ready == CURLE_OK ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (handle == nullptr) throw Error("libcurl cannot be started");
  curl_easy_setopt(handle.get(), CURLOPT_URL, file.address.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_USERAGENT, "duet");
  curl_easy_setopt(handle.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(handle.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
  curl_easy_setopt(handle.get(), CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
  if (from > 0) curl_easy_setopt(handle.get(), CURLOPT_RANGE, fmt::format("{}-", from).c_str());
  return handle;
}

[[noreturn]] void ThrowBroken(const tasks::PublishedFile& file, const std::string& reason,
                              std::int64_t bytes) {
  throw IoError(
      fmt::format("{}: {}; {} of {} bytes are here, and the same command goes on from "
                  "there",
                  file.address, reason, bytes, file.bytes));
}

[[noreturn]] void ThrowOther(const tasks::PublishedFile& file, const std::filesystem::path& part,
                             const std::string& found) {
  std::filesystem::remove(part);
  throw IoError(fmt::format("{}: not the published file: {}; published are {} bytes with {}",
                            file.address, found, file.bytes, tasks::ChecksumText(file)));
}

// How a connection ended.
struct Ending {
  std::string reason;    // why the file is not whole, or empty
  bool lasting = false;  // the next try would end in the same way
};

Ending EndingOf(CURL* handle, CURLcode code) {
  if (code == CURLE_OK) return {"the connection broke off"};
  if (code != CURLE_HTTP_RETURNED_ERROR) return {curl_easy_strerror(code)};
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return {fmt::format("the server answered {}", status),
          status < kServerFault && status != kRangeRefused};
}

// One connection, from where the part ends.
Ending TryOnce(const tasks::PublishedFile& file, const std::filesystem::path& part,
               const DownloadProgress& progress) {
  const std::int64_t from = SizeOf(part);
  const Handle handle = MakeHandle(file, from);
  Transfer transfer{handle.get(), file, progress, part, {}, from};
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, &Receive);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &transfer);
  const CURLcode code = curl_easy_perform(handle.get());
  transfer.out.close();
  if (transfer.too_long) ThrowOther(file, part, "it is longer");
  if (transfer.disk_failed || (transfer.begun && !transfer.out)) {
    throw IoError(fmt::format("{}: cannot write", part.string()));
  }
  if (code == CURLE_OK && transfer.bytes == file.bytes) return {};
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  // The server's file ends before the part does: take it from its start.
  if (status == kRangeRefused) std::filesystem::remove(part);
  // A whole answer that is too short will be so the next time.
  if (code == CURLE_OK && status == kWhole) {
    ThrowOther(file, part, fmt::format("it has {} bytes", transfer.bytes));
  }
  return EndingOf(handle.get(), code);
}

}  // namespace

bool IsPublishedFile(const std::filesystem::path& path, const tasks::PublishedFile& file) {
  return SizeOf(path) == file.bytes && ChecksumOf(path, file) == file.checksum;
}

void Download(const tasks::PublishedFile& file, const std::filesystem::path& target,
              const DownloadProgress& progress) {
  const std::filesystem::path part = target.string() + ".part";
  if (SizeOf(part) > file.bytes) std::filesystem::remove(part);
  for (int futile = 0; SizeOf(part) != file.bytes;) {
    const std::int64_t before = SizeOf(part);
    const Ending ending = TryOnce(file, part, progress);
    if (ending.reason.empty()) break;
    futile = SizeOf(part) > before ? 0 : futile + 1;
    if (futile == kFutileTries || ending.lasting) ThrowBroken(file, ending.reason, SizeOf(part));
  }
  const std::string checksum = ChecksumOf(part, file);
  if (checksum != file.checksum) ThrowOther(file, part, "its checksum is " + checksum);
  std::error_code code;
  std::filesystem::rename(part, target, code);
  if (code) throw IoError(fmt::format("{}: cannot write: {}", target.string(), code.message()));
}

}  // namespace duet::runners
