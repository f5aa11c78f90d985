#include "envs/state_bytes.h"

#include <fmt/format.h>

#include <cstring>

#include "core/error.h"

namespace duet::envs {

StateWriter::StateWriter(std::string_view tag, std::string_view id) {
  Add(tag);
  Add(id);
}

void StateWriter::AddBytes(const void* bytes, std::size_t size) {
  bytes_.append(static_cast<const char*>(bytes), size);
}

void StateWriter::Add(std::int64_t value) { AddBytes(&value, sizeof(value)); }

void StateWriter::Add(double value) { AddBytes(&value, sizeof(value)); }

void StateWriter::Add(std::string_view text) {
  Add(static_cast<std::int64_t>(text.size()));
  AddBytes(text.data(), text.size());
}

void StateWriter::Add(std::span<const double> values) {
  Add(static_cast<std::int64_t>(values.size_bytes()));
  AddBytes(values.data(), values.size_bytes());
}

void StateWriter::Add(std::span<const float> values) {
  Add(static_cast<std::int64_t>(values.size_bytes()));
  AddBytes(values.data(), values.size_bytes());
}

void StateWriter::Add(std::span<const std::uint8_t> values) {
  Add(static_cast<std::int64_t>(values.size_bytes()));
  AddBytes(values.data(), values.size_bytes());
}

StateReader::StateReader(std::string_view tag, std::string_view id, std::string_view bytes)
    : id_(id), rest_(bytes) {
  if (Text() != tag) Damaged("another kind of state");
  const std::string found = Text();
  if (found != id) {
    throw IoError(
        fmt::format("{}: the saved state is one of {}; allowed is one of {}", id_, found, id_));
  }
}

void StateReader::Damaged(std::string_view what) const {
  throw IoError(fmt::format(
      "{}: the saved state is damaged ({}); allowed is what this program saved", id_, what));
}

void StateReader::Read(void* bytes, std::size_t size) {
  if (size > rest_.size()) Damaged("it is cut off");
  if (size == 0) return;  // memcpy wants an address, and nothing has none
  std::memcpy(bytes, rest_.data(), size);
  rest_.remove_prefix(size);
}

void StateReader::ReadBlock(void* bytes, std::size_t size) {
  if (Integer() != static_cast<std::int64_t>(size)) Damaged("another number of values");
  Read(bytes, size);
}

std::int64_t StateReader::Integer() {
  std::int64_t value = 0;
  Read(&value, sizeof(value));
  return value;
}

double StateReader::Number() {
  double value = 0.0;
  Read(&value, sizeof(value));
  return value;
}

std::string StateReader::Text() {
  const std::int64_t size = Integer();
  if (size < 0 || static_cast<std::uint64_t>(size) > rest_.size()) Damaged("it is cut off");
  std::string text(rest_.substr(0, static_cast<std::size_t>(size)));
  rest_.remove_prefix(static_cast<std::size_t>(size));
  return text;
}

void StateReader::Fill(std::span<double> values) { ReadBlock(values.data(), values.size_bytes()); }

void StateReader::Fill(std::span<float> values) { ReadBlock(values.data(), values.size_bytes()); }

void StateReader::Fill(std::span<std::uint8_t> values) {
  ReadBlock(values.data(), values.size_bytes());
}

void StateReader::Finish() const {
  if (!rest_.empty()) Damaged("it is too long");
}

}  // namespace duet::envs
