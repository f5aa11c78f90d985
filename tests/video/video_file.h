// What a player finds in a video file.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace duet::video {

struct VideoFile {
  std::string container;  // "mov,mp4,m4a,3gp,3g2,mj2"
  std::string codec;      // "h264"
  int width = 0;
  int height = 0;
  double seconds = 0.0;
  double frames_per_second = 0.0;
  // Red, green and blue in the middle of every frame.
  std::vector<std::array<int, 3>> centers = {};
};

// Decodes all of it with FFmpeg's libraries. Throws std::runtime_error where that fails.
VideoFile ReadVideo(const std::filesystem::path& path);

}  // namespace duet::video
