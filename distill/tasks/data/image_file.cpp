#include "distill/tasks/data/image_file.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>

#include "core/error.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>
}

namespace duet::tasks {
namespace {

constexpr std::int64_t kMostPixels = 64'000'000;
constexpr std::int64_t kChannels = 3;

template <auto Free>
struct FreeByAddress {
  template <typename T>
  void operator()(T* object) const {
    Free(&object);
  }
};
using Decoder = std::unique_ptr<AVCodecContext, FreeByAddress<&avcodec_free_context>>;
using Frame = std::unique_ptr<AVFrame, FreeByAddress<&av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, FreeByAddress<&av_packet_free>>;
using Converter = std::unique_ptr<SwsContext, decltype(&sws_freeContext)>;

bool StartsWith(std::span<const std::byte> bytes, std::initializer_list<int> start) {
  return bytes.size() >= start.size() &&
         std::equal(start.begin(), start.end(), bytes.begin(),
                    [](int expected, std::byte found) { return std::byte(expected) == found; });
}

AVCodecID CodecOf(std::span<const std::byte> bytes, std::string_view where) {
  if (StartsWith(bytes, {0x89, 'P', 'N', 'G'})) return AV_CODEC_ID_PNG;
  if (StartsWith(bytes, {0xff, 0xd8, 0xff})) return AV_CODEC_ID_MJPEG;
  if (StartsWith(bytes, {'P', '1'}) || StartsWith(bytes, {'P', '4'})) return AV_CODEC_ID_PBM;
  if (StartsWith(bytes, {'P', '2'}) || StartsWith(bytes, {'P', '5'})) return AV_CODEC_ID_PGM;
  if (StartsWith(bytes, {'P', '3'}) || StartsWith(bytes, {'P', '6'})) return AV_CODEC_ID_PPM;
  throw IoError(fmt::format("{}: not an image; allowed are PNG, JPEG and PNM files", where));
}

[[noreturn]] void ThrowDamaged(std::string_view where) {
  throw IoError(fmt::format("{}: the image is damaged or too large", where));
}

Frame Decode(std::span<const std::byte> bytes, std::string_view where) {
  av_log_set_level(AV_LOG_QUIET);  // errors are thrown, not printed
  const AVCodec* codec = avcodec_find_decoder(CodecOf(bytes, where));
  if (codec == nullptr) throw IoError(fmt::format("{}: no decoder for this image", where));
  const Decoder decoder(avcodec_alloc_context3(codec));
  decoder->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
  decoder->max_pixels = kMostPixels;
  decoder->thread_count = 1;
  const Packet packet(av_packet_alloc());
  // The packet's own memory is padded, as decoders require.
  if (bytes.size() > INT32_MAX / 2 ||
      av_new_packet(packet.get(), static_cast<int>(bytes.size())) != 0) {
    ThrowDamaged(where);
  }
  std::memcpy(packet->data, bytes.data(), bytes.size());
  Frame frame(av_frame_alloc());
  if (avcodec_open2(decoder.get(), codec, nullptr) != 0 ||
      avcodec_send_packet(decoder.get(), packet.get()) != 0 ||
      avcodec_receive_frame(decoder.get(), frame.get()) != 0 || frame->decode_error_flags != 0 ||
      (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
    ThrowDamaged(where);
  }
  return frame;
}

}  // namespace

agents::Tensor DecodeImage(std::span<const std::byte> bytes, std::string_view where) {
  const Frame frame = Decode(bytes, where);
  const int width = frame->width, height = frame->height;
  const Converter converter(
      sws_getContext(width, height, static_cast<AVPixelFormat>(frame->format), width, height,
                     AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT,
                     nullptr, nullptr, nullptr),
      &sws_freeContext);
  if (converter == nullptr) ThrowDamaged(where);
  // The converter writes whole vectors: rows get room behind them.
  const std::int64_t stride = (width * kChannels + 63) / 64 * 64 + 64;
  const agents::Tensor rows = at::empty({height + 1, stride}, at::kByte);
  std::uint8_t* const planes[] = {rows.mutable_data_ptr<std::uint8_t>()};
  const int strides[] = {static_cast<int>(stride)};
  if (sws_scale(converter.get(), frame->data, frame->linesize, 0, height, planes, strides) !=
      height) {
    ThrowDamaged(where);
  }
  return rows.narrow(0, 0, height)
      .narrow(1, 0, width * kChannels)
      .reshape({height, width, kChannels})
      .permute({2, 0, 1})
      .contiguous();
}

bool IsImageName(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::string_view kNames[] = {".png", ".jpg", ".jpeg", ".pbm", ".pgm", ".ppm", ".pnm"};
  return std::ranges::find(kNames, extension) != std::end(kNames);
}

}  // namespace duet::tasks
