#include "agents/replay_buffer.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "core/error.h"

namespace duet::agents {

ReplayBuffer::ReplayBuffer(std::int64_t members, std::int64_t capacity,
                           std::int64_t observation_size, std::int64_t action_size,
                           at::Device device)
    : members_(members),
      capacity_(capacity),
      observation_size_(observation_size),
      action_size_(action_size),
      rows_(at::empty({members, capacity, 2 * observation_size + action_size + 2},
                      at::TensorOptions().dtype(at::kFloat).device(device))) {}

void ReplayBuffer::Add(const Transitions& transitions) {
  const std::int64_t per_member = static_cast<std::int64_t>(transitions.rewards.size()) / members_;
  const std::int64_t width = rows_.size(2);
  Tensor staged = at::empty({members_, per_member, width}, at::kFloat);
  float* row = staged.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < transitions.rewards.size(); ++i) {
    const auto o = static_cast<std::size_t>(observation_size_);
    const auto a = static_cast<std::size_t>(action_size_);
    float* out = std::copy_n(&transitions.observations[i * o], o, row);
    out = std::copy_n(&transitions.final_observations[i * o], o, out);
    out = std::copy_n(&transitions.actions[i * a], a, out);
    *out++ = static_cast<float>(transitions.rewards[i]);
    *out++ = transitions.terminated[i] != 0 ? 1.0F : 0.0F;
    row = out;
  }
  for (std::int64_t done = 0; done < per_member;) {
    const std::int64_t count = std::min(per_member - done, capacity_ - position_);
    rows_.narrow(1, position_, count).copy_(staged.narrow(1, done, count));
    position_ = (position_ + count) % capacity_;
    done += count;
  }
  size_ = std::min(capacity_, size_ + per_member);
}

Batch ReplayBuffer::Sample(std::span<core::Rng> rngs, std::int64_t batch_size,
                           std::int64_t recent) const {
  if (size_ == 0) throw std::logic_error("the replay buffer is empty");
  const std::int64_t window = recent > 0 ? std::min(recent, size_) : size_;
  Tensor indices = at::empty({members_ * batch_size}, at::kLong);
  std::int64_t* index = indices.mutable_data_ptr<std::int64_t>();
  for (std::int64_t m = 0; m < members_; ++m) {
    core::Rng& rng = rngs[static_cast<std::size_t>(m)];
    for (std::int64_t b = 0; b < batch_size; ++b) {
      const std::int64_t age = 1 + rng.Index(window);
      *index++ = m * capacity_ + (position_ + capacity_ - age) % capacity_;
    }
  }
  const Tensor rows = at::index_select(rows_.view({members_ * capacity_, rows_.size(2)}), 0,
                                       indices.to(rows_.device()))
                          .view({members_, batch_size, rows_.size(2)});
  const std::int64_t o = observation_size_;
  return {.observations = rows.narrow(2, 0, o),
          .actions = rows.narrow(2, 2 * o, action_size_),
          .rewards = rows.select(2, 2 * o + action_size_),
          .next_observations = rows.narrow(2, o, o),
          .terminated = rows.select(2, 2 * o + action_size_ + 1)};
}

void ReplayBuffer::Save(core::ArchiveWriter& archive, const std::string& name) const {
  archive.AddNumber(name + ".size", size_);
  archive.AddNumber(name + ".position", position_);
  for (std::int64_t m = 0; m < members_; ++m) {
    SaveTensor(archive, fmt::format("{}.{}", name, m), rows_[m].narrow(0, 0, size_));
  }
}

std::int64_t ReplayBuffer::SavedSize(const core::ArchiveReader& archive, const std::string& name) {
  return archive.GetNumber(name + ".size");
}

void ReplayBuffer::Load(const core::ArchiveReader& archive, const std::string& name,
                        std::span<const std::int64_t> members) {
  const std::int64_t size = archive.GetNumber(name + ".size");
  const std::int64_t position = archive.GetNumber(name + ".position");
  // A buffer that wrapped around can only be continued at its own capacity.
  const bool fits = size >= 0 && size <= capacity_ && position >= 0 &&
                    (size == capacity_ ? position < capacity_ : position == size);
  if (!fits) {
    throw IoError(fmt::format("{}: a replay of {} transitions does not fit a capacity of {}",
                              archive.path().string(), size, capacity_));
  }
  for (std::size_t m = 0; m < members.size(); ++m) {
    LoadTensor(archive, fmt::format("{}.{}", name, members[m]),
               rows_[static_cast<std::int64_t>(m)].narrow(0, 0, size));
  }
  size_ = size;
  position_ = position;
}

}  // namespace duet::agents
