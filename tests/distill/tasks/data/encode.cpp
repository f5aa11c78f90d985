#include "tests/distill/tasks/data/encode.h"

#include <ATen/Functions.h>
#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <stdexcept>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
}

namespace duet::tasks {
namespace {

std::string Encode(const agents::Tensor& picture, AVCodecID id, AVPixelFormat format) {
  const int height = static_cast<int>(picture.size(1)), width = static_cast<int>(picture.size(2));
  const agents::Tensor rows = picture.permute({1, 2, 0}).contiguous();
  AVCodecContext* encoder = avcodec_alloc_context3(avcodec_find_encoder(id));
  encoder->width = width;
  encoder->height = height;
  encoder->pix_fmt = format;
  encoder->color_range = AVCOL_RANGE_JPEG;
  encoder->time_base = {1, 1};
  encoder->flags = AV_CODEC_FLAG_QSCALE;
  encoder->global_quality = FF_QP2LAMBDA;
  AVFrame* frame = av_frame_alloc();
  frame->width = width;
  frame->height = height;
  frame->format = format;
  frame->quality = FF_QP2LAMBDA;
  av_frame_get_buffer(frame, 0);
  SwsContext* scaler = sws_getContext(width, height, AV_PIX_FMT_RGB24, width, height, format,
                                      SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr);
  const auto* from = rows.const_data_ptr<std::uint8_t>();
  const int stride = 3 * width;
  sws_scale(scaler, &from, &stride, 0, height, frame->data, frame->linesize);
  AVPacket* packet = av_packet_alloc();
  if (avcodec_open2(encoder, encoder->codec, nullptr) != 0 ||
      avcodec_send_frame(encoder, frame) != 0 || avcodec_receive_packet(encoder, packet) != 0) {
    throw std::runtime_error("the encoder does not work");
  }
  std::string file(reinterpret_cast<const char*>(packet->data),
                   static_cast<std::size_t>(packet->size));
  av_packet_free(&packet);
  av_frame_free(&frame);
  sws_freeContext(scaler);
  avcodec_free_context(&encoder);
  return file;
}

}  // namespace

std::string Gzip(const std::string& bytes) {
  std::string file(bytes.size() + 4096, '\0');
  std::size_t used = 0;
  archive* stream = archive_write_new();
  archive_write_add_filter_gzip(stream);
  archive_write_set_format_raw(stream);
  archive_write_set_bytes_in_last_block(stream, 1);
  archive_write_open_memory(stream, file.data(), file.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(stream, entry);
  archive_write_data(stream, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_close(stream);
  archive_write_free(stream);
  file.resize(used);
  return file;
}

std::string EncodePng(const agents::Tensor& picture) {
  return Encode(picture, AV_CODEC_ID_PNG, AV_PIX_FMT_RGB24);
}

std::string EncodeJpeg(const agents::Tensor& picture) {
  return Encode(picture, AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ444P);
}

std::string EncodePpm(const agents::Tensor& picture) {
  const agents::Tensor rows = picture.permute({1, 2, 0}).contiguous();
  return fmt::format("P6\n{} {}\n255\n", picture.size(2), picture.size(1)) +
         std::string(static_cast<const char*>(rows.const_data_ptr()), rows.nbytes());
}

}  // namespace duet::tasks
