#include "tests/video/video_file.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <stdexcept>

namespace duet::video {
namespace {

void Check(int code) {
  if (code < 0) throw std::runtime_error("FFmpeg's libraries cannot read the video");
}

struct FormatDeleter {
  void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
};
struct CodecDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
struct FrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct PacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

std::array<int, 3> Center(const AVFrame& frame) {
  std::vector<std::uint8_t> pixels(3 * static_cast<std::size_t>(frame.width) * frame.height);
  SwsContext* const scaler = sws_getContext(
      frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), frame.width,
      frame.height, AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr);
  std::uint8_t* rows = pixels.data();
  const int stride = 3 * frame.width;
  sws_scale(scaler, frame.data, frame.linesize, 0, frame.height, &rows, &stride);
  sws_freeContext(scaler);
  const std::size_t at =
      3 * (static_cast<std::size_t>(frame.height / 2) * frame.width + frame.width / 2);
  return {pixels[at], pixels[at + 1], pixels[at + 2]};
}

}  // namespace

VideoFile ReadVideo(const std::filesystem::path& path) {
  AVFormatContext* opened = nullptr;
  Check(avformat_open_input(&opened, path.c_str(), nullptr, nullptr));
  const std::unique_ptr<AVFormatContext, FormatDeleter> format(opened);
  Check(avformat_find_stream_info(format.get(), nullptr));
  const AVStream& stream = *format->streams[0];
  const AVCodec* const decoder = avcodec_find_decoder(stream.codecpar->codec_id);
  const std::unique_ptr<AVCodecContext, CodecDeleter> codec(avcodec_alloc_context3(decoder));
  Check(avcodec_parameters_to_context(codec.get(), stream.codecpar));
  Check(avcodec_open2(codec.get(), decoder, nullptr));
  VideoFile video{.container = format->iformat->name,
                  .codec = decoder->name,
                  .width = codec->width,
                  .height = codec->height,
                  .seconds = static_cast<double>(format->duration) / AV_TIME_BASE,
                  .frames_per_second = av_q2d(stream.avg_frame_rate)};
  const std::unique_ptr<AVFrame, FrameDeleter> frame(av_frame_alloc());
  const std::unique_ptr<AVPacket, PacketDeleter> packet(av_packet_alloc());
  for (bool more = true; more;) {
    more = av_read_frame(format.get(), packet.get()) >= 0;
    Check(avcodec_send_packet(codec.get(), more ? packet.get() : nullptr));
    av_packet_unref(packet.get());
    while (avcodec_receive_frame(codec.get(), frame.get()) >= 0) {
      video.centers.push_back(Center(*frame));
    }
  }
  return video;
}

}  // namespace duet::video
