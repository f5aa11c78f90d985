#include "runners/event_writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/file.h"
#include "tests/support/temp_folder.h"

namespace duet::runners {
namespace {

using support::TempFolder;

// Prints every event file below argv[1] as JSON, read by TensorBoard itself.
constexpr const char* kReader = R"python(
import glob, json, os, sys
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
out = []
for path in sorted(glob.glob(os.path.join(sys.argv[1], "**", "*tfevents*"), recursive=True)):
    for event in LegacyEventFileLoader(path).Load():
        if event.HasField("file_version"):
            out.append({"version": event.file_version})
        for value in event.summary.value:
            number = value.simple_value if value.HasField("simple_value") else None
            out.append({"tag": value.tag, "step": event.step, "value": number, "time": event.wall_time})
print(json.dumps(out))
)python";

std::string Quoted(const std::string& text) { return "'" + text + "'"; }

// The Python that has TensorBoard, with its packages; none if there is none.
std::optional<std::string> PythonWithTensorBoard() {
  const char* python = std::getenv("DUET_TEST_PYTHON");
  const char* packages = std::getenv("DUET_TEST_PYTHONPATH");
  std::string command = python != nullptr && *python != '\0' ? Quoted(python) : "python3";
  if (packages != nullptr && *packages != '\0') {
    command = "PYTHONPATH=" + Quoted(packages) + " " + command;
  }
  if (std::system((command + " -c 'import tensorboard' >/dev/null 2>&1").c_str()) != 0) return {};
  return command;
}

nlohmann::json ReadWithTensorBoard(const std::string& python, const TempFolder& folder) {
  core::WriteFileAtomically(folder / "reader.py", kReader);
  const std::string command =
      fmt::format("{} {} {} 2>{}", python, Quoted((folder / "reader.py").string()),
                  Quoted(folder.path().string()), Quoted((folder / "errors.txt").string()));
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  EXPECT_EQ(::pclose(pipe), 0) << core::ReadFile(folder / "errors.txt");
  return nlohmann::json::parse(output, nullptr, false);
}

TEST(EventWriterTest, IsReadBackByTensorBoard) {
  const std::optional<std::string> python = PythonWithTensorBoard();
  if (!python) GTEST_SKIP() << "no Python with the package tensorboard";
  const TempFolder folder;
  {
    EventWriter writer(folder.path());
    writer.AddScalar("eval/mean_reward", 1000, 812.5, 1.7e9);
    writer.AddScalar("train/actor_loss", -1, -0.25, 1.7e9 + 0.5);
    writer.AddScalar("train/critic_loss", 0, 0.0, 1.7e9);
  }
  const nlohmann::json events = ReadWithTensorBoard(*python, folder);
  ASSERT_EQ(events.size(), 4U) << events;
  EXPECT_EQ(events[0]["version"], "brain.Event:2");
  EXPECT_EQ(events[1],
            (nlohmann::json{
                {"tag", "eval/mean_reward"}, {"step", 1000}, {"value", 812.5}, {"time", 1.7e9}}));
  EXPECT_EQ(events[2]["step"], -1);
  EXPECT_EQ(events[2]["value"], -0.25);
  EXPECT_EQ(events[3]["value"], 0.0);
}

TEST(EventWriterTest, ResumesAtASavedSizeWithoutDuplicates) {
  const std::optional<std::string> python = PythonWithTensorBoard();
  if (!python) GTEST_SKIP() << "no Python with the package tensorboard";
  const TempFolder folder;
  std::uintmax_t size = 0;
  {
    EventWriter writer(folder.path());
    writer.AddScalar("a", 1, 1.0, 1.0);
    size = writer.Size();
    writer.AddScalar("a", 2, 2.0, 2.0);
  }
  {
    EventWriter writer(folder.path(), size);
    writer.AddScalar("a", 2, 20.0, 3.0);
    writer.AddScalar("a", 3, 30.0, 4.0);
  }
  const nlohmann::json events = ReadWithTensorBoard(*python, folder);
  ASSERT_EQ(events.size(), 4U) << events;
  EXPECT_EQ(events[1]["value"], 1.0);
  EXPECT_EQ(events[2]["value"], 20.0);
  EXPECT_EQ(events[3]["step"], 3);
}

// TensorBoard checks the checksums; this is the frame around them.
TEST(EventWriterTest, FirstRecordIsTheFileVersion) {
  const TempFolder folder;
  const std::filesystem::path path = EventWriter(folder.path()).path();
  const std::string bytes = core::ReadFile(path);
  // 8 length, 4 checksum, 15 message: field 3 with 13 characters, 4 checksum.
  ASSERT_EQ(bytes.size(), 31U);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x0f\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes.substr(12, 15),
            "\x1a\x0d"
            "brain.Event:2");
}

}  // namespace
}  // namespace duet::runners
