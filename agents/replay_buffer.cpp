#include "agents/replay_buffer.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "agents/host_loops.h"
#include "agents/short_rows.h"
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
  stride_ = per_member;
  const auto write = [&](std::size_t i, float* row) {
    const auto o = static_cast<std::size_t>(observation_size_);
    const auto a = static_cast<std::size_t>(action_size_);
    row = std::copy_n(&transitions.observations[i * o], o, row);
    row = std::copy_n(&transitions.final_observations[i * o], o, row);
    row = std::copy_n(&transitions.actions[i * a], a, row);
    *row++ = static_cast<float>(transitions.rewards[i]);
    *row = transitions.terminated[i] != 0 ? 1.0F : transitions.truncated[i] != 0 ? -1.0F : 0.0F;
  };
  const std::size_t steps = transitions.rewards.size();
  const bool on_host = OnHost(rows_);
  Tensor staged;
  if (!on_host) {
    staged = at::empty({members_, per_member, width}, at::kFloat);
    float* row = staged.mutable_data_ptr<float>();
    for (std::size_t i = 0; i < steps; ++i, row += width) write(i, row);
  }
  for (std::int64_t done = 0; done < per_member;) {
    const std::int64_t count = std::min(per_member - done, capacity_ - position_);
    if (on_host) {
      float* const first = rows_.mutable_data_ptr<float>();
      for (std::int64_t m = 0; m < members_; ++m) {
        float* row = first + (m * capacity_ + position_) * width;
        for (std::int64_t k = done; k < done + count; ++k, row += width) {
          write(static_cast<std::size_t>(m * per_member + k), row);
        }
      }
    } else {
      rows_.narrow(1, position_, count).copy_(staged.narrow(1, done, count));
    }
    position_ = (position_ + count) % capacity_;
    done += count;
  }
  size_ = std::min(capacity_, size_ + per_member);
}

Batch ReplayBuffer::Sample(std::span<core::Rng> rngs, const SampleOptions& options) const {
  const auto members = static_cast<std::int64_t>(rngs.size());
  BatchIndices indices{.rows = at::empty({members, options.batch_size}, at::kLong),
                       .ages = at::empty({members, options.batch_size}, at::kLong)};
  Draw(rngs, options, indices);
  if (!rows_.is_cpu()) {
    indices = {.rows = indices.rows.to(rows_.device()), .ages = indices.ages.to(rows_.device())};
  }
  return Gather(indices, options);
}

void ReplayBuffer::Draw(std::span<core::Rng> rngs, const SampleOptions& options,
                        const BatchIndices& indices) const {
  if (size_ == 0) throw std::logic_error("the replay buffer is empty");
  const std::int64_t window = options.recent > 0 ? std::min(options.recent, size_) : size_;
  std::int64_t* row = indices.rows.mutable_data_ptr<std::int64_t>();
  std::int64_t* age = indices.ages.mutable_data_ptr<std::int64_t>();
  for (std::size_t m = 0; m < rngs.size(); ++m) {
    const std::int64_t first = (options.first_member + static_cast<std::int64_t>(m)) * capacity_;
    for (std::int64_t b = 0; b < options.batch_size; ++b) {
      *age = 1 + rngs[m].Index(window);
      *row++ = first + (position_ + capacity_ - *age++) % capacity_;
    }
  }
}

Batch ReplayBuffer::Gather(const BatchIndices& indices, const SampleOptions& options) const {
  if (OnHost(rows_) && options.n_step == 1) return CopyBatch(indices.rows);
  const Tensor rows = GatherRows(indices.rows);
  Batch batch = ToBatch(rows);
  if (options.n_step > 1) Extend(batch, rows, indices, options);
  return batch;
}

Batch ReplayBuffer::CopyBatch(const Tensor& indices) const {
  const std::int64_t members = indices.size(0), size = indices.size(1), width = rows_.size(2);
  const auto make = [&](at::IntArrayRef shape) { return EmptyLike(rows_, shape); };
  Batch batch{.observations = make({members, size, observation_size_}),
              .actions = make({members, size, action_size_}),
              .rewards = make({members, size}),
              .next_observations = make({members, size, observation_size_}),
              .terminated = make({members, size})};
  const float* const first = rows_.const_data_ptr<float>();
  const std::int64_t* const index = indices.const_data_ptr<std::int64_t>();
  float* observation = batch.observations.mutable_data_ptr<float>();
  float* action = batch.actions.mutable_data_ptr<float>();
  float* reward = batch.rewards.mutable_data_ptr<float>();
  float* next_observation = batch.next_observations.mutable_data_ptr<float>();
  float* terminated = batch.terminated.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < members * size; ++i) {
    const float* row = first + index[i] * width;
    observation = CopyRow(row, observation_size_, observation);
    next_observation = CopyRow(row + observation_size_, observation_size_, next_observation);
    row += 2 * observation_size_;
    action = CopyRow(row, action_size_, action);
    *reward++ = row[action_size_];
    *terminated++ = std::max(row[action_size_ + 1], 0.0F);
  }
  return batch;
}

Tensor ReplayBuffer::GatherRows(const Tensor& indices) const {
  return at::index_select(rows_.view({members_ * capacity_, rows_.size(2)}), 0, indices.view({-1}))
      .view({indices.size(0), indices.size(1), rows_.size(2)});
}

Batch ReplayBuffer::ToBatch(const Tensor& rows) const {
  const std::int64_t o = observation_size_;
  return {.observations = rows.narrow(2, 0, o),
          .actions = rows.narrow(2, 2 * o, action_size_),
          .rewards = rows.select(2, 2 * o + action_size_),
          .next_observations = rows.narrow(2, o, o),
          .terminated = rows.select(2, 2 * o + action_size_ + 1).clamp_min(0.0)};
}

void ReplayBuffer::Extend(Batch& batch, const Tensor& first_rows, const BatchIndices& indices,
                          const SampleOptions& options) const {
  const std::int64_t end_column = rows_.size(2) - 1;
  const Tensor places = indices.rows.remainder(capacity_);  // within the member's rows
  const Tensor begins = indices.rows - places;
  Tensor end = first_rows.select(2, end_column);
  batch.rewards = batch.rewards.clone();
  batch.discounts = at::full_like(batch.rewards, options.gamma);
  Tensor going = at::ones_like(batch.rewards, at::kBool);
  for (std::int64_t k = 1; k < options.n_step; ++k) {
    going = going.logical_and(end == 0).logical_and(indices.ages > k * stride_);
    const Tensor rows = GatherRows(begins + (places + k * stride_).remainder(capacity_));
    const Batch later = ToBatch(rows);
    const double discount = std::pow(options.gamma, static_cast<double>(k));
    // Rows that nobody wrote yet may hold anything, also what no factor of 0 takes away.
    batch.rewards.add_(at::where(going, later.rewards, at::zeros_like(later.rewards)), discount);
    batch.next_observations =
        at::where(going.unsqueeze(2), later.next_observations, batch.next_observations);
    batch.terminated = at::where(going, later.terminated, batch.terminated);
    batch.discounts.masked_fill_(going, discount * options.gamma);
    end = rows.select(2, end_column);
  }
}

std::int64_t ReplayBuffer::Bytes(std::int64_t members, std::int64_t capacity,
                                 std::int64_t observation_size, std::int64_t action_size) {
  return members * capacity * (2 * observation_size + action_size + 2) *
         static_cast<std::int64_t>(sizeof(float));
}

void ReplayBuffer::Save(core::ArchiveWriter& archive, const std::string& name) const {
  archive.AddNumber(name + ".size", size_);
  archive.AddNumber(name + ".position", position_);
  archive.AddNumber(name + ".stride", stride_);
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
  stride_ = archive.GetNumber(name + ".stride");
}

}  // namespace duet::agents
