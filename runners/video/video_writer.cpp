#include "runners/video/video_writer.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace duet::video {
namespace {

struct Option {
  const char* name;
  const char* value;
};

// An encoder and how it is to balance quality, size and time.
struct Encoder {
  const char* name;
  std::vector<Option> options;
  int quantizer = 0;  // a fixed one, for encoders without a better measure of quality
};

struct Container {
  std::string_view ending;
  const char* muxer;  // FFmpeg's name
  std::vector<Option> options;
  std::vector<Encoder> encoders;  // the first one that the libraries have is taken
};

const std::vector<Container>& Containers() {
  static const std::vector<Encoder> kH264{{"libx264", {{"preset", "veryfast"}, {"crf", "18"}}, 0},
                                          {"mpeg4", {}, 3}};
  static const std::vector<Encoder> kVp9{
      {"libvpx-vp9", {{"crf", "24"}, {"deadline", "good"}, {"cpu-used", "5"}, {"row-mt", "1"}}, 0},
      {"libvpx", {{"crf", "8"}, {"deadline", "good"}, {"cpu-used", "5"}}, 0}};
  // With `faststart` the index comes first, so that players on a network start at once.
  static const std::vector<Container> kContainers{
      {".mp4", "mp4", {{"movflags", "faststart"}}, kH264},
      {".mkv", "matroska", {}, kH264},
      {".webm", "webm", {}, kVp9}};
  return kContainers;
}

const Container& ContainerOf(const std::filesystem::path& path) {
  const auto found = std::ranges::find(Containers(), path.extension().string(), &Container::ending);
  if (found != Containers().end() && path.has_stem()) return *found;
  std::vector<std::string_view> endings;
  for (const Container& container : Containers()) endings.push_back(container.ending);
  throw ConfigError(fmt::format("{}: is no name for a video; allowed is one that ends in {}",
                                path.string(), fmt::join(endings, ", ")));
}

std::string Reason(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return text.data();
}

int RoundedUpToEven(int value) { return value + value % 2; }

// Options that an encoder or a muxer takes by name.
class Dictionary {
 public:
  explicit Dictionary(const std::vector<Option>& options) {
    for (const auto& [name, value] : options) av_dict_set(&dictionary_, name, value, 0);
  }
  ~Dictionary() { av_dict_free(&dictionary_); }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  AVDictionary** address() { return &dictionary_; }

 private:
  AVDictionary* dictionary_ = nullptr;
};

struct FormatDeleter {
  void operator()(AVFormatContext* format) const {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
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
struct ScalerDeleter {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

}  // namespace

class VideoWriter::Stream {
 public:
  Stream(const std::filesystem::path& path, Size size, double frames_per_second)
      : container_(ContainerOf(path)),
        target_(path),
        partial_(path),
        size_(size),
        even_{RoundedUpToEven(size.width), RoundedUpToEven(size.height)},
        padded_(even_) {
    av_log_set_level(AV_LOG_QUIET);
    MakeFormat();
    OpenEncoder(av_d2q(frames_per_second, 60000));
    MakeFrame();
    WriteHeader();
  }

  void Add(const Image& image) {
    if (image.size() != size_) {
      throw std::logic_error(fmt::format("a picture of {}x{} pixels for a video of {}x{}",
                                         image.size().width, image.size().height, size_.width,
                                         size_.height));
    }
    Convert(image);
    frame_->pts = num_frames_++;
    Check(avcodec_send_frame(codec_.get(), frame_.get()));
    WritePackets();
  }

  void Finish() {
    Check(avcodec_send_frame(codec_.get(), nullptr));
    WritePackets();
    Check(av_write_trailer(format_.get()));
    Check(avio_closep(&format_->pb));
    partial_.MoveIntoPlace();
  }

  std::string encoder() const { return encoder_->name; }
  bool is_first_choice() const { return encoder_ == container_.encoders.data(); }
  std::int64_t num_frames() const { return num_frames_; }

 private:
  void Check(int code) const {
    if (code < 0) {
      throw IoError(fmt::format("{}: cannot write: {}", target_.string(), Reason(code)));
    }
  }

  void MakeFormat() {
    AVFormatContext* format = nullptr;
    const std::string path = partial_.path().string();
    Check(avformat_alloc_output_context2(&format, nullptr, container_.muxer, path.c_str()));
    format_.reset(format);
    Check(avio_open(&format_->pb, path.c_str(), AVIO_FLAG_WRITE));
  }

  // The first encoder that is there and starts.
  void OpenEncoder(AVRational frame_rate) {
    std::vector<std::string_view> names;
    for (const Encoder& encoder : container_.encoders) {
      names.emplace_back(encoder.name);
      if (Open(encoder, frame_rate)) {
        encoder_ = &encoder;
        return;
      }
    }
    throw Error(fmt::format(
        "{}: FFmpeg's libraries here cannot encode {}x{} pixels at {:g} frames "
        "per second; allowed are sizes and rates that one of the encoders {} "
        "takes",
        target_.string(), even_.width, even_.height, av_q2d(frame_rate), fmt::join(names, ", ")));
  }

  bool Open(const Encoder& encoder, AVRational frame_rate) {
    const AVCodec* const found = avcodec_find_encoder_by_name(encoder.name);
    if (found == nullptr) return false;
    codec_.reset(avcodec_alloc_context3(found));
    codec_->width = even_.width;
    codec_->height = even_.height;
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;
    codec_->framerate = frame_rate;
    codec_->time_base = av_inv_q(frame_rate);
    codec_->thread_count = 0;  // as many as there are cores
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->colorspace = AVCOL_SPC_SMPTE170M;  // what libswscale computes by default
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_BT709;
    if (encoder.quantizer > 0) {
      codec_->flags |= AV_CODEC_FLAG_QSCALE;
      codec_->global_quality = FF_QP2LAMBDA * encoder.quantizer;
    }
    if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    Dictionary options(encoder.options);
    return avcodec_open2(codec_.get(), found, options.address()) == 0;
  }

  void MakeFrame() {
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    if (frame_ == nullptr || packet_ == nullptr) Check(AVERROR(ENOMEM));
    frame_->format = codec_->pix_fmt;
    frame_->width = even_.width;
    frame_->height = even_.height;
    Check(av_frame_get_buffer(frame_.get(), 0));
    scaler_.reset(sws_getContext(
        even_.width, even_.height, AV_PIX_FMT_RGB24, even_.width, even_.height, codec_->pix_fmt,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr));
    if (scaler_ == nullptr) Check(AVERROR(ENOMEM));
  }

  void WriteHeader() {
    stream_ = avformat_new_stream(format_.get(), nullptr);
    if (stream_ == nullptr) Check(AVERROR(ENOMEM));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    Check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()));
    Dictionary options(container_.options);
    Check(avformat_write_header(format_.get(), options.address()));
  }

  void Convert(const Image& image) {
    const Image* whole = &image;
    if (even_ != size_) {
      Pad(image);
      whole = &padded_;
    }
    // The encoder may still hold the buffers of earlier pictures.
    Check(av_frame_make_writable(frame_.get()));
    const std::uint8_t* rows = whole->bytes().data();
    const int stride = static_cast<int>(whole->row_bytes());
    sws_scale(scaler_.get(), &rows, &stride, 0, even_.height, frame_->data, frame_->linesize);
  }

  void Pad(const Image& image) {
    for (int y = 0; y < even_.height; ++y) {
      const auto from = image.row(std::min(y, size_.height - 1));
      const auto to = padded_.row(y);
      std::ranges::copy(from, to.begin());
      if (even_.width > size_.width) std::ranges::copy(from.last<3>(), to.last<3>().begin());
    }
  }

  void WritePackets() {
    for (;;) {
      const int code = avcodec_receive_packet(codec_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      Check(code);
      packet_->duration = 1;
      packet_->stream_index = stream_->index;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      Check(av_interleaved_write_frame(format_.get(), packet_.get()));
    }
  }

  const Container& container_;
  std::filesystem::path target_;
  core::PartialFile partial_;
  Size size_;
  Size even_;
  Image padded_;
  const Encoder* encoder_ = nullptr;
  std::unique_ptr<AVFormatContext, FormatDeleter> format_;
  std::unique_ptr<AVCodecContext, CodecDeleter> codec_;
  std::unique_ptr<AVFrame, FrameDeleter> frame_;
  std::unique_ptr<AVPacket, PacketDeleter> packet_;
  std::unique_ptr<SwsContext, ScalerDeleter> scaler_;
  AVStream* stream_ = nullptr;  // owned by format_
  std::int64_t num_frames_ = 0;
};

VideoWriter::VideoWriter(const std::filesystem::path& path, Size size, double frames_per_second)
    : stream_(std::make_unique<Stream>(path, size, frames_per_second)) {}

VideoWriter::~VideoWriter() = default;

void VideoWriter::Add(const Image& image) { stream_->Add(image); }
void VideoWriter::Finish() { stream_->Finish(); }
std::string VideoWriter::encoder() const { return stream_->encoder(); }
bool VideoWriter::is_first_choice() const { return stream_->is_first_choice(); }
std::int64_t VideoWriter::num_frames() const { return stream_->num_frames(); }

void CheckVideoName(const std::filesystem::path& path) { ContainerOf(path); }

}  // namespace duet::video
