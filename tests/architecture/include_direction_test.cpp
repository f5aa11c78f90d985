// Includes point downward only, and LibTorch enters with agents/: read off the #include lines.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

// Low to high; a folder may include itself and those before it.
constexpr std::array<std::string_view, 5> kLayers{"core", "envs", "agents", "distill", "runners"};
constexpr std::array<std::string_view, 2> kWithoutTorch{"core", "envs"};

std::optional<std::size_t> Layer(std::string_view path) {
  const std::string_view folder = path.substr(0, path.find('/'));
  const auto found = std::ranges::find(kLayers, folder);
  if (found == kLayers.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - kLayers.begin());
}

bool IsTorch(std::string_view header) {
  return header.starts_with("torch/") || header.starts_with("ATen/") || header.starts_with("c10/");
}

/// What is wrong with a file of `folder` that includes `header`; empty where nothing is.
std::string Fault(std::string_view folder, std::string_view header) {
  if (const auto layer = Layer(header); layer && *layer > *Layer(folder)) {
    return "points upward";
  }
  if (std::ranges::count(kWithoutTorch, folder) > 0 && IsTorch(header)) {
    return "brings LibTorch in below agents/";
  }
  return "";
}

std::vector<std::string> Includes(const std::filesystem::path& file) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*["<]([^">]+)[">])");
  std::ifstream in(file);
  std::vector<std::string> headers;
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (std::regex_search(line, match, kInclude)) {
      headers.push_back(match[1]);
    }
  }
  return headers;
}

bool IsSource(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".in";
}

class IncludeDirection : public testing::TestWithParam<std::string_view> {};

TEST_P(IncludeDirection, OfEveryFileIsDownward) {
  const std::filesystem::path root = DUET_SOURCE_DIR;
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / GetParam())) {
    if (!entry.is_regular_file() || !IsSource(entry.path())) {
      continue;
    }
    ++files;
    for (const std::string& header : Includes(entry.path())) {
      EXPECT_EQ(Fault(GetParam(), header), "")
          << std::filesystem::relative(entry.path(), root) << " includes " << header;
    }
  }
  EXPECT_GT(files, 0) << "no sources in " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Layers, IncludeDirection, testing::ValuesIn(kLayers),
                         [](const auto& test) { return std::string(test.param); });

TEST(IncludeDirectionRule, NamesWhatIsWrong) {
  EXPECT_EQ(Fault("envs", "envs/env.h"), "");
  EXPECT_EQ(Fault("runners", "core/error.h"), "");
  EXPECT_EQ(Fault("agents", "torch/types.h"), "");
  EXPECT_EQ(Fault("envs", "mujoco/mujoco.h"), "");
  EXPECT_EQ(Fault("core", "envs/env.h"), "points upward");
  EXPECT_EQ(Fault("agents", "distill/lesson.h"), "points upward");
  EXPECT_EQ(Fault("core", "ATen/ATen.h"), "brings LibTorch in below agents/");
}

}  // namespace
