#include "distill/tasks/data/catalog.h"

#include <algorithm>

namespace duet::tasks {
namespace {

constexpr std::size_t kMd5Digits = 32;

std::vector<PublishedSet> MakeSets() {
  const std::string cifar = "https://www.cs.toronto.edu/~kriz/";
  return {
      {.name = "cifar10",
       .about = "50,000 + 10,000 colour photographs of 32 x 32 pixels, 10 classes",
       .page = cifar + "cifar.html",
       .folder = "cifar-10-batches-bin",
       .files = {{.name = "cifar-10-binary.tar.gz",
                  .address = cifar + "cifar-10-binary.tar.gz",
                  .bytes = 170052171,
                  .checksum = "c32a1d4ab5d03f1284b67883e8d87530"}}},
      {.name = "cifar100",
       .about = "50,000 + 10,000 colour photographs of 32 x 32 pixels, 100 classes",
       .page = cifar + "cifar.html",
       .folder = "cifar-100-binary",
       .files = {{.name = "cifar-100-binary.tar.gz",
                  .address = cifar + "cifar-100-binary.tar.gz",
                  .bytes = 168513733,
                  .checksum = "03b5dce01913d631647c71ecec9e9cb8"}}},
  };
}

}  // namespace

std::span<const PublishedSet> PublishedSets() {
  static const std::vector<PublishedSet> kSets = MakeSets();
  return kSets;
}

const PublishedSet* FindPublishedSet(std::string_view name) {
  const auto sets = PublishedSets();
  const auto found = std::ranges::find(sets, name, &PublishedSet::name);
  return found == sets.end() ? nullptr : &*found;
}

std::string ChecksumText(const PublishedFile& file) {
  return (file.checksum.size() == kMd5Digits ? "MD5 " : "SHA-256 ") + file.checksum;
}

}  // namespace duet::tasks
