// The byte strings behind SaveState and LoadState: a tag and an id that say whose state it is, then
// the values in the order in which they were added. For the same machine type; not a file format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace duet::envs {

class StateWriter {
 public:
  StateWriter(std::string_view tag, std::string_view id);

  void Add(std::int64_t value);
  void Add(double value);
  void Add(std::string_view text);
  void Add(std::span<const double> values);
  void Add(std::span<const float> values);
  void Add(std::span<const std::uint8_t> values);
  std::string Finish() { return std::move(bytes_); }

 private:
  void AddBytes(const void* bytes, std::size_t size);

  std::string bytes_;
};

// Reads what a writer of the same tag and id wrote. Every method throws IoError, naming the id, on
// anything else.
class StateReader {
 public:
  // `bytes` must live as long as the reader.
  StateReader(std::string_view tag, std::string_view id, std::string_view bytes);

  std::int64_t Integer();
  double Number();
  std::string Text();
  // Fill the whole span; the lengths must agree.
  void Fill(std::span<double> values);
  void Fill(std::span<float> values);
  void Fill(std::span<std::uint8_t> values);
  // Throws where something is left.
  void Finish() const;

  [[noreturn]] void Damaged(std::string_view what) const;

 private:
  void Read(void* bytes, std::size_t size);
  void ReadBlock(void* bytes, std::size_t size);

  std::string id_;
  std::string_view rest_;
};

}  // namespace duet::envs
