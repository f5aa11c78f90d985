// Fetches published files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "distill/tasks/data/catalog.h"

namespace duet::runners {

// Called now and then with the bytes that are there.
using DownloadProgress = std::function<void(std::int64_t bytes)>;

// Whether the file at `path` has the published size and checksum.
bool IsPublishedFile(const std::filesystem::path& path, const tasks::PublishedFile& file);

// Fetches `file` to `target`, whose folder must exist. What arrives is kept in `target`.part until
// it is whole, so that a later call goes on from there, whatever ended this one; a connection that
// breaks off is taken up again as long as something arrives. Throws IoError where the server does
// not answer, has no such file, or where what it sends has another size or checksum than published;
// the part is removed in the last case. `target` is never there unless it is whole and verified.
void Download(const tasks::PublishedFile& file, const std::filesystem::path& target,
              const DownloadProgress& progress);

}  // namespace duet::runners
