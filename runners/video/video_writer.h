// Pictures into a video file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "runners/video/image.h"

namespace duet::video {

// Encodes pictures with FFmpeg's libraries. The name's ending chooses the container: .mp4, .mkv
// (both H.264) or .webm (VP9). The file appears under its name at Finish, complete; before that,
// and if Finish is never reached, an older file of the name stays as it is and nothing else is
// left.
//
// These encoders take even sizes only, so a picture of odd width or height has its last column or
// row shown twice.
class VideoWriter {
 public:
  // `frames_per_second` in [0.1, 1000]. Throws ConfigError on another ending, Error where no
  // encoder of the libraries here suits it, IoError where the file cannot be written.
  VideoWriter(const std::filesystem::path& path, Size size, double frames_per_second);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  // Appends a picture of the size given above. Throws IoError.
  void Add(const Image& image);
  // Writes the rest and moves the file into place. To be called once, last. Throws IoError.
  void Finish();

  // By FFmpeg's name, as "libx264".
  std::string encoder() const;
  // Whether `encoder` is the first choice for the container, or what there is instead.
  bool is_first_choice() const;
  std::int64_t num_frames() const;

 private:
  class Stream;
  std::unique_ptr<Stream> stream_;
};

// Throws ConfigError where a name ends in something that VideoWriter does not take.
void CheckVideoName(const std::filesystem::path& path);

}  // namespace duet::video
