#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace duet::envs {

// All memory of one Box2D world. A world is never destroyed: whoever starts a new one rewinds the
// arena, which then serves the same blocks again without asking the system. This is quick, and it
// is safe after an assertion broke in the middle of a step, when the engine's own destructors would
// end the program.
class Arena {
 public:
  Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // Memory of at least `bytes` > 0, aligned for every type; throws std::bad_alloc.
  void* Allocate(std::size_t bytes);
  // Gives back what Allocate returned, for later calls of the same size class.
  void Free(void* memory);
  // Everything allocated so far is gone.
  void Rewind();

 private:
  friend class ArenaScope;
  static constexpr std::size_t kSlabBytes = std::size_t{1} << 18;
  static constexpr std::size_t kClasses = 32;

  struct Slab {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };
  struct Header;

  void* Carve(std::size_t bytes);

  std::vector<Slab> slabs_;
  std::size_t slab_ = 0;  // the one that is being handed out
  std::size_t used_ = 0;  // bytes of it
  std::array<Header*, kClasses> free_{};
};

// While it lives, the engine's allocations of this thread come from the arena.
class ArenaScope {
 public:
  explicit ArenaScope(Arena& arena);
  ArenaScope(const ArenaScope&) = delete;
  ArenaScope& operator=(const ArenaScope&) = delete;
  ~ArenaScope();

 private:
  Arena* before_;
};

}  // namespace duet::envs
