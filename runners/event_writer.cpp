#include "runners/event_writer.h"

#include <boost/crc.hpp>
#include <string>

#include "core/file.h"
#include "runners/tensorboard_event.pb.h"

namespace duet::runners {
namespace {

// TensorBoard reads every file whose name contains "tfevents".
constexpr const char* kFileName = "events.out.tfevents.0.duet";

// CRC-32C, masked as the record format asks for (tensorflow/core/lib/hash/crc32c.h).
std::uint32_t MaskedCrc(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t value = crc.checksum();
  return ((value >> 15) | (value << 17)) + 0xA282EAD8U;
}

template <typename Integer>
void AppendLittleEndian(Integer value, std::string& bytes) {
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    bytes.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
  }
}

// Length, its checksum, the message, its checksum.
std::string Record(const tensorboard::Event& event) {
  const std::string message = event.SerializeAsString();
  std::string record;
  AppendLittleEndian(static_cast<std::uint64_t>(message.size()), record);
  AppendLittleEndian(MaskedCrc(record), record);
  record += message;
  AppendLittleEndian(MaskedCrc(message), record);
  return record;
}

std::filesystem::path FileIn(const std::filesystem::path& folder) {
  core::CreateFolder(folder);
  return folder / kFileName;
}

}  // namespace

EventWriter::EventWriter(const std::filesystem::path& folder) : file_(FileIn(folder)) { Start(); }

EventWriter::EventWriter(const std::filesystem::path& folder, std::uintmax_t size)
    : file_(FileIn(folder), size) {
  Start();
}

void EventWriter::Start() {
  if (file_.Size() > 0) return;
  tensorboard::Event event;
  event.set_file_version("brain.Event:2");
  file_.Append(Record(event));
  file_.Flush();
}

void EventWriter::AddScalar(std::string_view tag, std::int64_t step, double value,
                            double wall_time) {
  tensorboard::Event event;
  event.set_wall_time(wall_time);
  event.set_step(step);
  tensorboard::Summary::Value* scalar = event.mutable_summary()->add_value();
  scalar->set_tag(std::string(tag));
  scalar->set_simple_value(static_cast<float>(value));
  file_.Append(Record(event));
}

void EventWriter::Flush() { file_.Flush(); }

}  // namespace duet::runners
