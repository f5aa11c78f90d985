#include "envs/box2d/engine/arena.h"

#include <Box2D/Common/b2Settings.h>

#include <algorithm>
#include <bit>
#include <new>
#include <stdexcept>

namespace duet::envs {
namespace {

thread_local Arena* current = nullptr;

Arena& Current() {
  if (current == nullptr) {
    throw std::logic_error("Box2D allocates outside every ArenaScope");
  }
  return *current;
}

}  // namespace

// Before every block; 16 bytes, so that blocks keep the alignment of their slab.
struct alignas(16) Arena::Header {
  Header* next;  // while the block is free
  std::size_t size_class;
};

Arena::Arena() = default;
Arena::~Arena() = default;

void* Arena::Allocate(std::size_t bytes) {
  const std::size_t size_class = std::bit_width(std::max<std::size_t>(bytes, 16) - 1);
  if (size_class >= kClasses) {
    throw std::bad_alloc();
  }
  Header* header = free_[size_class];
  if (header != nullptr) {
    free_[size_class] = header->next;
  } else {
    header =
        ::new (Carve(sizeof(Header) + (std::size_t{1} << size_class))) Header{nullptr, size_class};
  }
  return header + 1;
}

void Arena::Free(void* memory) {
  if (memory != nullptr) {
    Header* header = static_cast<Header*>(memory) - 1;
    header->next = free_[header->size_class];
    free_[header->size_class] = header;
  }
}

void Arena::Rewind() {
  slab_ = 0;
  used_ = 0;
  free_.fill(nullptr);
}

void* Arena::Carve(std::size_t bytes) {
  while (slab_ < slabs_.size() && slabs_[slab_].size - used_ < bytes) {
    ++slab_;
    used_ = 0;
  }
  if (slab_ == slabs_.size()) {
    const std::size_t size = std::max(bytes, kSlabBytes);
    slabs_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
  }
  void* const memory = slabs_[slab_].bytes.get() + used_;
  used_ += bytes;
  return memory;
}

ArenaScope::ArenaScope(Arena& arena) : before_(current) { current = &arena; }

ArenaScope::~ArenaScope() { current = before_; }

}  // namespace duet::envs

// The two functions that Box2D leaves to its user.
void* b2Alloc(int32 size) { return duet::envs::Current().Allocate(static_cast<std::size_t>(size)); }

void b2Free(void* memory) { duet::envs::Current().Free(memory); }
