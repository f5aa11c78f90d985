// Where published image sets are to be had, as their publishers say it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace duet::tasks {

// A file to download.
struct PublishedFile {
  std::string name;
  std::string address;
  std::int64_t bytes = 0;
  std::string checksum;  // MD5 (32 digits) or SHA-256 (64 digits) in lower-case hexadecimal
};

struct PublishedSet {
  std::string name;    // as in DataConfig::set
  std::string about;   // number and size of images, classes
  std::string page;    // of the publisher, with the terms of use
  std::string folder;  // that the archive's files are in; empty: the files are beside each other
  std::vector<PublishedFile> files;
};

// Every published set, in the order of names.
std::span<const PublishedSet> PublishedSets();

// The set of that name, or null.
const PublishedSet* FindPublishedSet(std::string_view name);

// "MD5 …" or "SHA-256 …".
std::string ChecksumText(const PublishedFile& file);

}  // namespace duet::tasks
