// Takes files out of archives.
#pragma once

#include <filesystem>

namespace duet::runners {

// Whether the name ends as those of archives do: .tar.gz, .tgz or .zip.
bool IsArchive(const std::filesystem::path& path);

// Unpacks the files of an archive into `folder`, all or none: they are moved there when the last
// one is whole, over older ones of their name. Throws IoError where the archive is damaged, holds
// anything but files and folders, or a name that leads out of the folder.
void Unpack(const std::filesystem::path& archive, const std::filesystem::path& folder);

}  // namespace duet::runners
