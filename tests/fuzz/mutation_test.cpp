// The readers on examples and on damaged examples, where libFuzzer is not at hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/random.h"
#include "tests/fuzz/readers.h"

namespace duet::fuzz {
namespace {

constexpr int kInputs = 20'000;

std::vector<std::string> Corpus(const Format& format) {
  const auto folder = std::filesystem::path(DUET_SOURCE_DIR) / "tests/fuzz/corpus" / format.name;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<std::string> files;
  for (const auto& path : paths) files.push_back(core::ReadFile(path));
  return files;
}

std::size_t Place(const std::string& bytes, core::Rng& rng) {
  // Headers decide most.
  const auto size = static_cast<std::int64_t>(bytes.size());
  return static_cast<std::size_t>(
      rng.Index(rng.Index(2) == 0 ? std::min<std::int64_t>(size, 32) : size));
}

void Mutate(std::string& bytes, const std::string& other, core::Rng& rng) {
  if (bytes.empty()) bytes.push_back('a');
  const std::size_t place = Place(bytes, rng);
  const std::size_t length = static_cast<std::size_t>(rng.Index(16)) + 1;
  switch (rng.Index(7)) {
    case 0:
      bytes[place] = static_cast<char>(bytes[place] ^ (1 << rng.Index(8)));
      break;
    case 1:
      bytes[place] = static_cast<char>(rng.Index(256));
      break;
    case 2:
      bytes[place] = "\x00\xff\x7f\x80"[rng.Index(4)];
      break;
    case 3:
      bytes.resize(place);
      break;
    case 4:
      bytes.erase(place, length);
      break;
    case 5:
      bytes.insert(place, bytes.substr(Place(bytes, rng), length));
      break;
    default:
      bytes = bytes.substr(0, place) + other.substr(std::min(place, other.size()));
  }
}

bool Read(const Format& format, const std::string& bytes) {
  return format.read(std::as_bytes(std::span(bytes)));
}

class ReaderTest : public ::testing::TestWithParam<Format> {};

TEST_P(ReaderTest, AcceptsItsExamplesAndNoEmptyFile) {
  const std::vector<std::string> corpus = Corpus(GetParam());
  ASSERT_FALSE(corpus.empty());
  for (const std::string& file : corpus) EXPECT_TRUE(Read(GetParam(), file));
  EXPECT_FALSE(Read(GetParam(), ""));
}

TEST_P(ReaderTest, AnswersDamagedFilesWithAnErrorOrAResult) {
  const std::vector<std::string> corpus = Corpus(GetParam());
  core::Rng rng(core::SplitSeed(1, GetParam().name));
  const auto pick = [&] {
    return corpus[static_cast<std::size_t>(rng.Index(static_cast<std::int64_t>(corpus.size())))];
  };
  int refused = 0;
  for (int i = 0; i < kInputs; ++i) {
    std::string bytes = pick();
    for (std::int64_t count = rng.Index(6) + 1; count > 0; --count) Mutate(bytes, pick(), rng);
    ASSERT_NO_THROW(refused += Read(GetParam(), bytes) ? 0 : 1) << "input " << i;
  }
  EXPECT_GT(refused, kInputs / 20);
}

INSTANTIATE_TEST_SUITE_P(AllFormats, ReaderTest, ::testing::ValuesIn(Formats()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace duet::fuzz
