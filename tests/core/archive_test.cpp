#include "core/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_folder.h"

namespace duet::core {
namespace {

using nlohmann::json;
using support::MessageOf;
using support::TempFolder;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<float> kFloats = {1.5F, -2.0F, 0.0F, 3.0F, 4.0F, 5.0F};
const std::vector<std::int64_t> kIntegers = {-1, 1LL << 40};

void WriteExample(const std::filesystem::path& path) {
  ArchiveWriter archive;
  archive.AddArray("floats", ElementType::kFloat32, {2, 3}, std::as_bytes(std::span(kFloats)));
  archive.AddArray("integers", ElementType::kInt64, {2}, std::as_bytes(std::span(kIntegers)));
  archive.AddArray("empty", ElementType::kFloat64, {0, 5}, {});
  archive.AddBytes("bytes", std::string("\0\xff\n", 3));
  archive.AddText("text", "line\n\"quoted\" é");
  archive.AddNumber("number", -9'007'199'254'740'993);
  archive.Write(path);
}

json Header(const std::string& content) {
  std::uint64_t size = 0;
  std::memcpy(&size, content.data(), sizeof(size));
  return json::parse(content.substr(8, size));
}

std::string WithHeader(const json& header, const std::string& arrays) {
  const std::string text = header.dump();
  const std::uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + text + arrays;
}

// Without the wait for the disk of WriteFileAtomically.
void Overwrite(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::string ErrorOf(const std::filesystem::path& path) {
  return MessageOf<IoError>([&] { ArchiveReader archive(path); });
}

TEST(ArchiveTest, GivesBackWhatWasWritten) {
  const TempFolder folder;
  WriteExample(folder / "a");
  const ArchiveReader archive(folder / "a");
  const ArchiveReader::Array& floats = archive.GetArray("floats");
  EXPECT_EQ(floats.type, ElementType::kFloat32);
  EXPECT_EQ(floats.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(floats.bytes.data(), kFloats.data(), 24), 0);
  EXPECT_EQ(archive.GetArray("integers").type, ElementType::kInt64);
  EXPECT_EQ(std::memcmp(archive.GetArray("integers").bytes.data(), kIntegers.data(), 16), 0);
  EXPECT_EQ(archive.GetArray("empty").shape, (std::vector<std::int64_t>{0, 5}));
  EXPECT_EQ(archive.GetBytes("bytes"), std::string("\0\xff\n", 3));
  EXPECT_EQ(archive.GetText("text"), "line\n\"quoted\" é");
  EXPECT_EQ(archive.GetNumber("number"), -9'007'199'254'740'993);
  EXPECT_TRUE(archive.Has("text"));
  EXPECT_TRUE(archive.Has("bytes"));
  EXPECT_FALSE(archive.Has("nothing"));
}

TEST(ArchiveTest, EqualContentGivesEqualBytes) {
  const TempFolder folder;
  WriteExample(folder / "a");
  WriteExample(folder / "b");
  EXPECT_EQ(ReadFile(folder / "a"), ReadFile(folder / "b"));
}

// https://github.com/huggingface/safetensors, "Format".
TEST(ArchiveTest, IsReadableAsSafetensors) {
  const TempFolder folder;
  WriteExample(folder / "a");
  const std::string content = ReadFile(folder / "a");
  std::uint64_t size = 0;
  std::memcpy(&size, content.data(), 8);
  EXPECT_EQ(size % 8, 0U);
  EXPECT_EQ(content[8], '{');
  json header = Header(content);
  for (const auto& [key, value] : header.at("__metadata__").items()) {
    EXPECT_TRUE(value.is_string()) << key;
  }
  EXPECT_EQ(header["__metadata__"]["format"], "duet");
  EXPECT_EQ(header["__metadata__"]["version"], "1");
  header.erase("__metadata__");
  const json& floats = header.at("floats");
  EXPECT_EQ(floats.at("dtype"), "F32");
  EXPECT_EQ(floats.at("shape"), json({2, 3}));
  const std::size_t begin = 8 + size + floats.at("data_offsets").at(0).get<std::size_t>();
  EXPECT_EQ(std::memcmp(content.data() + begin, kFloats.data(), 24), 0);
  // Arrays follow one another without gaps, to the end of the file.
  std::vector<std::pair<std::size_t, std::size_t>> pieces;
  for (const auto& [name, entry] : header.items()) {
    pieces.emplace_back(entry.at("data_offsets").at(0), entry.at("data_offsets").at(1));
  }
  std::sort(pieces.begin(), pieces.end());
  std::size_t end = 0;
  for (const auto& [first, last] : pieces) {
    EXPECT_EQ(first, end);
    end = last;
  }
  EXPECT_EQ(8 + size + end, content.size());
}

TEST(ArchiveTest, AChangedByteAnywhereIsFound) {
  const TempFolder folder;
  WriteExample(folder / "a");
  const std::string content = ReadFile(folder / "a");
  std::fstream file(folder / "a", std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t i, int value) {
    file.seekp(static_cast<std::streamoff>(i)).put(static_cast<char>(value)).flush();
  };
  for (std::size_t i = 0; i < content.size(); ++i) {
    for (const int flip : {0x01, 0x0f, 0x20, 0x29, 0x80, 0xff}) {
      put(i, content[i] ^ flip);
      const std::string error = ErrorOf(folder / "a");
      EXPECT_THAT(error, StartsWith((folder / "a").string() + ": ")) << i << " " << flip;
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    }
    put(i, content[i]);
  }
  EXPECT_NO_THROW(ArchiveReader archive(folder / "a"));
}

TEST(ArchiveTest, AFileOfAnyOtherLengthIsFound) {
  const TempFolder folder;
  WriteExample(folder / "a");
  Overwrite(folder / "b", ReadFile(folder / "a") + "x");
  EXPECT_EQ(ErrorOf(folder / "b"), (folder / "b").string() +
                                       ": the content does not match its checksum; allowed is a "
                                       "complete file written by this program");
  for (std::size_t size = std::filesystem::file_size(folder / "a"); size-- > 0;) {
    std::filesystem::resize_file(folder / "a", size);
    EXPECT_THAT(ErrorOf(folder / "a"),
                HasSubstr("; allowed is a complete file written by this program"));
  }
}

TEST(ArchiveTest, NamesWhatIsWrong) {
  const TempFolder folder;
  const std::string path = (folder / "a").string();
  const std::string allowed = "; allowed is a complete file written by this program";
  EXPECT_EQ(ErrorOf(folder / "a"), path + ": cannot read: No such file or directory");
  Overwrite(folder / "a", "");
  EXPECT_EQ(ErrorOf(folder / "a"), path + ": the file is cut off" + allowed);
  Overwrite(folder / "a", "this is a text and nothing else");
  EXPECT_EQ(ErrorOf(folder / "a"), path + ": the file is cut off or of another kind" + allowed);
  Overwrite(folder / "a", WithHeader({{"x", 1}}, ""));
  EXPECT_EQ(ErrorOf(folder / "a"), path + ": the header is damaged" + allowed);
  Overwrite(folder / "a", WithHeader({{"__metadata__", {{"format", "pt"}}}}, ""));
  EXPECT_EQ(ErrorOf(folder / "a"), path + ": the file is of another kind" + allowed);
}

TEST(ArchiveTest, AFileOfAFutureVersionSaysSo) {
  const TempFolder folder;
  WriteExample(folder / "a");
  const std::string content = ReadFile(folder / "a");
  json header = Header(content);
  header["__metadata__"]["version"] = "2";
  Overwrite(folder / "a", WithHeader(header, ""));
  EXPECT_EQ(ErrorOf(folder / "a"), (folder / "a").string() +
                                       ": written in format version 2; this program reads versions "
                                       "up to 1: use a newer Duet");
}

// A file made to mislead, its checksum right or not, may not be read past its end.
TEST(ArchiveTest, HostileHeadersAreErrors) {
  const TempFolder folder;
  WriteExample(folder / "a");
  const std::string content = ReadFile(folder / "a");
  const json header = Header(content);
  for (const json& entry :
       std::vector<json>{{{"dtype", "F32"}, {"shape", {2, 3}}, {"data_offsets", {0, 1'000'000}}},
                         {{"dtype", "F32"}, {"shape", {2, 3}}, {"data_offsets", {24, 0}}},
                         {{"dtype", "F32"}, {"shape", {2, 3}}, {"data_offsets", {-24, 0}}},
                         {{"dtype", "F32"}, {"shape", {-2, -3}}, {"data_offsets", {0, 24}}},
                         {{"dtype", "F32"}, {"shape", {1LL << 62, 4}}, {"data_offsets", {0, 0}}},
                         {{"dtype", "F32"}, {"shape", "wide"}, {"data_offsets", {0, 24}}},
                         {{"dtype", "I7"}, {"shape", {2, 3}}, {"data_offsets", {0, 24}}},
                         {{"dtype", "F32"}, {"shape", {2, 3}}, {"data_offsets", {0}}},
                         json::array({1, 2})}) {
    json hostile = header;
    hostile["floats"] = entry;
    Overwrite(folder / "b", WithHeader(hostile, content.substr(content.size() - 43)));
    const std::string error = ErrorOf(folder / "b");
    EXPECT_THAT(error, StartsWith((folder / "b").string() + ": ")) << entry;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(ArchiveTest, NamesAnEntryThatIsMissingOrOfAnotherKind) {
  const TempFolder folder;
  WriteExample(folder / "a");
  const ArchiveReader archive(folder / "a");
  const std::string path = (folder / "a").string();
  EXPECT_EQ(MessageOf<IoError>([&] { archive.GetArray("text"); }),
            path + ": there is no array \"text\"");
  EXPECT_EQ(MessageOf<IoError>([&] { archive.GetText("floats"); }),
            path + ": there is no entry \"floats\"");
  EXPECT_EQ(MessageOf<IoError>([&] { archive.GetNumber("text"); }),
            path + ": the entry \"text\" is not a number");
}

}  // namespace
}  // namespace duet::core
