#include "agents/live_samples.h"

#include <algorithm>

#include "agents/host_loops.h"
#include "agents/short_rows.h"

namespace duet::agents {
namespace {

constexpr std::int64_t kRowStep = 16;

bool IsZero(const float* values, std::int64_t count) {
  return std::all_of(values, values + count, [](float value) { return value == 0.0F; });
}

}  // namespace

LiveSamples::LiveSamples(const Tensor& gradient) : batch_(gradient.size(1)) {
  if (!OnHost(gradient) || !gradient.is_contiguous()) return;
  const std::int64_t members = gradient.size(0), columns = gradient.size(2);
  const float* value = gradient.const_data_ptr<float>();
  samples_.reserve(static_cast<std::size_t>(members * batch_));
  for (std::int64_t m = 0; m < members; ++m) {
    const std::size_t before = samples_.size();
    for (std::int64_t b = 0; b < batch_; ++b, value += columns) {
      if (!IsZero(value, columns)) samples_.push_back(b);
    }
    counts_.push_back(static_cast<std::int64_t>(samples_.size() - before));
  }
  if (samples_.size() == static_cast<std::size_t>(members * batch_)) return;
  for (const std::int64_t count : counts_) {
    rows_.push_back(std::min(batch_, (count + kRowStep - 1) / kRowStep * kRowStep));
  }
}

template <typename Function>
void LiveSamples::ForEach(const Function& function) const {
  const std::int64_t* sample = samples_.data();
  std::int64_t first = 0;
  for (const std::int64_t count : counts_) {
    for (std::int64_t i = 0; i < count; ++i) function(first + i, first + *sample++);
    first += batch_;
  }
}

Tensor LiveSamples::Pack(const Tensor& values) const {
  if (all()) return values;
  const std::int64_t columns = values.size(2);
  Tensor packed = EmptyLike(values, values.sizes());
  const float* const from = values.const_data_ptr<float>();
  float* const to = packed.mutable_data_ptr<float>();
  ForEach([&](std::int64_t i, std::int64_t b) {
    CopyRow(from + b * columns, columns, to + i * columns);
  });
  for (std::size_t m = 0; m < rows_.size(); ++m) {
    const std::int64_t end = static_cast<std::int64_t>(m) * batch_ + counts_[m];
    std::fill_n(to + end * columns, (rows_[m] - counts_[m]) * columns, 0.0F);
  }
  return packed;
}

Tensor LiveSamples::Unpack(const Tensor& packed) const {
  if (all()) return packed;
  const std::int64_t columns = packed.size(2);
  Tensor values = EmptyLike(packed, packed.sizes());
  const float* const from = packed.const_data_ptr<float>();
  float* const to = values.mutable_data_ptr<float>();
  std::fill_n(to, values.numel(), 0.0F);
  ForEach([&](std::int64_t i, std::int64_t b) {
    CopyRow(from + i * columns, columns, to + b * columns);
  });
  return values;
}

template <typename Loop>
void LiveSamples::ForEachRow(const Tensor& packed, const Tensor& output, const Loop& loop) const {
  const std::int64_t columns = packed.size(2);
  float* const values = packed.mutable_data_ptr<float>();
  const float* const outputs = output.const_data_ptr<float>();
  ForEach([&](std::int64_t i, std::int64_t b) {
    loop(values + i * columns, outputs + b * columns, columns);
  });
}

void LiveSamples::ReluBackward(Tensor& packed, const Tensor& output) const {
  if (all()) return agents::ReluBackward(packed, output);
  ForEachRow(packed, output, [](float* values, const float* outputs, std::int64_t count) {
    agents::ReluBackward(values, outputs, count);
  });
}

void LiveSamples::TanhBackward(Tensor& packed, const Tensor& output) const {
  if (all()) return agents::TanhBackward(packed, output);
  ForEachRow(packed, output, [](float* values, const float* outputs, std::int64_t count) {
    agents::TanhBackward(values, outputs, count);
  });
}

}  // namespace duet::agents
