#include "distill/tasks/data/idx.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "distill/tasks/data/data_files.h"
#include "distill/tasks/data/gzip.h"
#include "distill/tasks/data/labels.h"
#include "distill/tasks/data/mapped_file.h"

namespace duet::tasks {
namespace {

constexpr std::uint8_t kUnsignedBytes = 0x08;
constexpr std::int64_t kMagicBytes = 4, kAxisBytes = 4;
// Deflate cannot make more of a byte (RFC 1951: 258 bytes of 2 bits).
constexpr std::int64_t kMostInflation = 1032;

std::span<const std::uint8_t> Span(const Tensor& bytes) {
  return {static_cast<const std::uint8_t*>(bytes.const_data_ptr()),
          static_cast<std::size_t>(bytes.numel())};
}

std::int64_t HeaderBytes(std::int64_t axes) { return kMagicBytes + axes * kAxisBytes; }

// The lengths of the axes, each at least 1.
std::vector<std::int64_t> ReadHeader(std::span<const std::uint8_t> bytes, std::int64_t axes,
                                     std::string_view where) {
  const std::uint8_t magic[] = {0, 0, kUnsignedBytes, static_cast<std::uint8_t>(axes)};
  if (static_cast<std::int64_t>(bytes.size()) < HeaderBytes(axes)) {
    throw IoError(fmt::format("{}: {} bytes are too few for an IDX file of {} axes", where,
                              bytes.size(), axes));
  }
  if (std::memcmp(bytes.data(), magic, sizeof magic) != 0) {
    throw IoError(fmt::format("{}: starts with {:02x}; an IDX file of {} starts with {:02x}", where,
                              fmt::join(bytes.first(sizeof magic), " "),
                              axes == 1 ? "labels" : "images", fmt::join(magic, " ")));
  }
  std::vector<std::int64_t> lengths;
  for (std::int64_t axis = 0; axis < axes; ++axis) {
    std::int64_t length = 0;
    for (std::int64_t i = 0; i < kAxisBytes; ++i) {
      length = length * 256 + bytes[static_cast<std::size_t>(HeaderBytes(axis) + i)];
    }
    lengths.push_back(length);
  }
  return lengths;
}

// Header and values together, or `most` + 1 where that is more than `most`.
std::int64_t FileBytes(const std::vector<std::int64_t>& lengths, std::int64_t most) {
  std::int64_t values = 1;
  for (const std::int64_t length : lengths) {
    if (length != 0 && values > most / length) return most + 1;
    values *= length;
  }
  return std::min(values + HeaderBytes(static_cast<std::int64_t>(lengths.size())), most + 1);
}

void CheckLength(const std::vector<std::int64_t>& lengths, std::int64_t expected,
                 std::int64_t found, std::string_view where) {
  for (const std::int64_t length : lengths) {
    if (length > 0) continue;
    throw IoError(
        fmt::format("{}: the header says {}; no axis may be 0", where, fmt::join(lengths, " x ")));
  }
  if (found == expected) return;
  throw IoError(fmt::format("{}: the header says {}; the file has {} bytes than that", where,
                            fmt::join(lengths, " x "), found < expected ? "fewer" : "more"));
}

Tensor Inflate(const Tensor& bytes, std::int64_t axes, std::string_view where) {
  const auto compressed = std::as_bytes(Span(bytes));
  const std::string start = Gunzip(compressed, HeaderBytes(axes), where);
  const auto lengths =
      ReadHeader({reinterpret_cast<const std::uint8_t*>(start.data()), start.size()}, axes, where);
  // What the header asks for is made only if the file can hold it; one byte more tells a longer
  // one.
  const std::int64_t most = bytes.numel() * kMostInflation;
  const std::string content = Gunzip(compressed, FileBytes(lengths, most) + 1, where);
  Tensor inflated = at::empty({static_cast<std::int64_t>(content.size())}, at::kByte);
  std::memcpy(inflated.mutable_data_ptr(), content.data(), content.size());
  return inflated;
}

std::vector<std::string> Characters(std::string_view text) {
  std::vector<std::string> names;
  for (const char c : text) names.emplace_back(1, c);
  return names;
}

constexpr std::string_view kDigits = "0123456789";
// Lower-case letters that look like their capitals are merged with them.
constexpr std::string_view kMerged = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";

ImageSet ReadNamed(const IdxSet& set, const std::filesystem::path& directory, Part part,
                   std::string_view characters) {
  ImageSet images = ReadIdx(set, directory, part);
  images.class_names = Characters(characters);
  return images;
}

}  // namespace

Tensor ParseIdx(const Tensor& bytes, std::int64_t axes, bool compressed, std::string_view where) {
  const Tensor plain = compressed ? Inflate(bytes, axes, where) : bytes;
  const auto lengths = ReadHeader(Span(plain), axes, where);
  CheckLength(lengths, FileBytes(lengths, plain.numel()), plain.numel(), where);
  return plain.narrow(0, HeaderBytes(axes), plain.numel() - HeaderBytes(axes)).view(lengths);
}

ImageSet ReadIdx(const IdxSet& set, const std::filesystem::path& directory, Part part) {
  // EMNIST's test files are called test, MNIST's t10k.
  const std::string_view name =
      part == Part::kTrain ? "train" : (set.published == "emnist" ? "test" : "t10k");
  const std::string images = fmt::format("{}{}-images-idx3-ubyte", set.prefix, name);
  const std::string labels = fmt::format("{}{}-labels-idx1-ubyte", set.prefix, name);
  const FileNames alternatives[] = {{images, labels}, {images + ".gz", labels + ".gz"}};
  const auto files = FindDataFiles(directory, set.published, alternatives);
  const bool compressed = files.front().extension() == ".gz";
  const auto read = [&](std::size_t file, std::int64_t axes) {
    return ParseIdx(MapFile(files[file]), axes, compressed, files[file].string());
  };
  ImageSet result;
  result.pixels = read(0, 3).unsqueeze(1);
  if (set.transposed) result.pixels = result.pixels.transpose(2, 3);
  const Tensor stored = read(1, 1).to(at::kLong);
  if (stored.size(0) != result.size()) {
    throw IoError(fmt::format("{}: {} labels, but {} has {} images", files[1].string(),
                              stored.size(0), files[0].filename().string(), result.size()));
  }
  CheckLabels(stored, set.num_classes, files[1].string(), set.first_label);
  result.labels = stored - set.first_label;
  result.num_classes = set.num_classes;
  return result;
}

ImageSet ReadMnist(const std::filesystem::path& directory, Part part) {
  return ReadNamed({.published = "mnist", .prefix = "", .num_classes = 10}, directory, part,
                   kDigits);
}

ImageSet ReadFashionMnist(const std::filesystem::path& directory, Part part) {
  ImageSet set =
      ReadIdx({.published = "fashion_mnist", .prefix = "", .num_classes = 10}, directory, part);
  set.class_names = {"T-shirt/top", "trouser", "pullover", "dress", "coat",
                     "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
  return set;
}

ImageSet ReadEmnistBalanced(const std::filesystem::path& directory, Part part) {
  return ReadNamed(
      {.published = "emnist", .prefix = "emnist-balanced-", .num_classes = 47, .transposed = true},
      directory, part, kMerged);
}

ImageSet ReadEmnistByClass(const std::filesystem::path& directory, Part part) {
  return ReadNamed(
      {.published = "emnist", .prefix = "emnist-byclass-", .num_classes = 62, .transposed = true},
      directory, part, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

ImageSet ReadEmnistByMerge(const std::filesystem::path& directory, Part part) {
  return ReadNamed(
      {.published = "emnist", .prefix = "emnist-bymerge-", .num_classes = 47, .transposed = true},
      directory, part, kMerged);
}

ImageSet ReadEmnistDigits(const std::filesystem::path& directory, Part part) {
  return ReadNamed(
      {.published = "emnist", .prefix = "emnist-digits-", .num_classes = 10, .transposed = true},
      directory, part, kDigits);
}

ImageSet ReadEmnistLetters(const std::filesystem::path& directory, Part part) {
  return ReadNamed({.published = "emnist",
                    .prefix = "emnist-letters-",
                    .num_classes = 26,
                    .first_label = 1,
                    .transposed = true},
                   directory, part, "abcdefghijklmnopqrstuvwxyz");
}

}  // namespace duet::tasks
