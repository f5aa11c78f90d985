#include "distill/tasks/data/catalog.h"

#include <algorithm>

namespace duet::tasks {
namespace {

constexpr std::size_t kMd5Digits = 32;

// A file of the MNIST family, at `base`.
PublishedFile IdxFile(const std::string& base, const std::string& name, std::int64_t bytes,
                      const std::string& md5) {
  return {.name = name, .address = base + name, .bytes = bytes, .checksum = md5};
}

// Sizes and MD5 sums are those of the publishers' pages, or, where a page gives none, those that
// widely used loaders check the same files with.
std::vector<PublishedSet> MakeSets() {
  const std::string cifar = "https://www.cs.toronto.edu/~kriz/";
  const std::string mnist = "https://ossci-datasets.s3.amazonaws.com/mnist/";
  const std::string fashion = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
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
      {.name = "mnist",
       .about = "60,000 + 10,000 grey digits of 28 x 28 pixels, 10 classes",
       .page = "http://yann.lecun.com/exdb/mnist/",
       .folder = "",
       .files = {IdxFile(mnist, "train-images-idx3-ubyte.gz", 9912422,
                         "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                 IdxFile(mnist, "train-labels-idx1-ubyte.gz", 28881,
                         "d53e105ee54ea40749a09fcbcd1e9432"),
                 IdxFile(mnist, "t10k-images-idx3-ubyte.gz", 1648877,
                         "9fb629c4189551a2d022fa330f9573f3"),
                 IdxFile(mnist, "t10k-labels-idx1-ubyte.gz", 4542,
                         "ec29112dd5afa0611ce80d1b7f02629c")}},
      {.name = "fashion_mnist",
       .about = "60,000 + 10,000 grey pictures of clothes of 28 x 28 pixels, 10 classes",
       .page = "https://github.com/zalandoresearch/fashion-mnist",
       .folder = "",
       .files = {IdxFile(fashion, "train-images-idx3-ubyte.gz", 26421880,
                         "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                 IdxFile(fashion, "train-labels-idx1-ubyte.gz", 29515,
                         "25c81989df183df01b3e8a0aad5dffbe"),
                 IdxFile(fashion, "t10k-images-idx3-ubyte.gz", 4422102,
                         "bef4ecab320f06d8554ea6380940ec79"),
                 IdxFile(fashion, "t10k-labels-idx1-ubyte.gz", 5148,
                         "bb300cfdad3c16e7a12a480ee83cd310")}},
      {.name = "emnist",
       .about = "grey letters and digits of 28 x 28 pixels, for the sets emnist_*",
       .page = "https://www.nist.gov/itl/products-and-services/emnist-dataset",
       .folder = "gzip",
       .files = {{.name = "gzip.zip",
                  .address = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
                  .bytes = 561753746,
                  .checksum = "58c8d27c78d21e728a6bc7b3cc06412e"}}},
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
