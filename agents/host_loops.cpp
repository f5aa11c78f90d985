#include "agents/host_loops.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>

#include "agents/short_rows.h"
#include "agents/wide_vectors.h"

namespace duet::agents {
namespace {

std::atomic<bool> aten_only = false;
thread_local Scratch* current_scratch = nullptr;

// Some columns at a time, whose sums stay in registers.
DUET_WIDE_VECTORS void SumRows(float* __restrict sums, const float* values, std::int64_t rows,
                               std::int64_t columns, std::int64_t stride) {
  constexpr std::int64_t kAtOnce = 32;
  std::int64_t first = 0;
  for (; first + kAtOnce <= columns; first += kAtOnce) {
    float parts[kAtOnce] = {};
    const float* row = values + first;
    for (std::int64_t b = 0; b < rows; ++b, row += stride) {
      for (std::int64_t k = 0; k < kAtOnce; ++k) parts[k] += row[k];
    }
    std::copy_n(parts, kAtOnce, sums + first);
  }
  std::fill_n(sums + first, columns - first, 0.0F);
  for (std::int64_t b = 0; b < rows; ++b, values += stride) {
    for (std::int64_t i = first; i < columns; ++i) sums[i] += values[i];
  }
}

// All ones in the exponent are an infinity or NaN; of integers the compiler takes many at once.
DUET_WIDE_VECTORS bool AllFinite(const float* values, std::int64_t count) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t any = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    any |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(values[i]) & kExponent) ==
                                      kExponent);
  }
  return any == 0;
}

// In as many parts as the compiler takes at once: sums of floats it does not put in another order.
DUET_WIDE_VECTORS double SumOfSquares(const float* values, std::int64_t count) {
  constexpr std::int64_t kParts = 16;
  float parts[kParts] = {};
  std::int64_t i = 0;
  for (; i + kParts <= count; i += kParts) {
    for (std::int64_t k = 0; k < kParts; ++k) parts[k] += values[i + k] * values[i + k];
  }
  double sum = 0.0;
  for (; i < count; ++i) sum += values[i] * values[i];
  for (const float part : parts) sum += part;
  return sum;
}

DUET_WIDE_VECTORS void Scale(float* values, float factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] *= factor;
}

// As at::lerp from the nearer end, so that a share of 1 copies.
DUET_WIDE_VECTORS void MoveTowards(float* __restrict values, const float* targets, float share,
                                   std::int64_t count) {
  if (share < 0.5F) {
    for (std::int64_t i = 0; i < count; ++i) values[i] += share * (targets[i] - values[i]);
  } else {
    const float rest = 1.0F - share;
    for (std::int64_t i = 0; i < count; ++i) {
      values[i] = targets[i] - rest * (targets[i] - values[i]);
    }
  }
}

// With the numbers of a row one after the other.
Tensor WithDenseRows(const Tensor& x) {
  return x.stride(2) == 1 || x.size(2) == 1 ? x : x.contiguous();
}

}  // namespace

bool OnHost(const Tensor& tensor) {
  return tensor.is_cpu() && !tensor.requires_grad() && !aten_only.load(std::memory_order_relaxed);
}

AtenOnly::AtenOnly() { aten_only = true; }
AtenOnly::~AtenOnly() { aten_only = false; }

Scratch::Scope::Scope(Scratch& scratch) : before_(current_scratch) {
  scratch.next_ = 0;
  current_scratch = &scratch;
}

Scratch::Scope::~Scope() { current_scratch = before_; }

Tensor Scratch::Take(at::IntArrayRef sizes) {
  if (next_ == tensors_.size()) tensors_.emplace_back();
  Tensor& tensor = tensors_[next_++];
  // Neither the tensor nor a view of it may be in somebody's hands.
  const bool free = tensor.defined() && tensor.sizes() == sizes && tensor.use_count() == 1 &&
                    tensor.storage().use_count() == 1;
  if (!free) tensor = at::empty(sizes, at::kFloat);
  return tensor;
}

Tensor EmptyLike(const Tensor& like, at::IntArrayRef sizes) {
  if (current_scratch != nullptr && OnHost(like) && like.scalar_type() == at::kFloat) {
    return current_scratch->Take(sizes);
  }
  return at::empty(sizes, like.options());
}

Tensor JoinColumns(const Tensor& left, const Tensor& right, std::int64_t copies) {
  if (!OnHost(left) || !OnHost(right)) {
    const Tensor joined = at::cat({left, right}, 2);
    return copies == 1 ? joined : joined.unsqueeze(1).expand({-1, copies, -1, -1}).flatten(0, 1);
  }
  const std::int64_t members = left.size(0), batch = left.size(1);
  const std::int64_t c = left.size(2), d = right.size(2);
  const Tensor from_left = WithDenseRows(left), from_right = WithDenseRows(right);
  const HostNumbers lefts(from_left), rights(from_right);
  Tensor joined = EmptyLike(left, {copies * members, batch, c + d});
  float* out = joined.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < members; ++m) {
    const float* const first = out;
    for (std::int64_t b = 0; b < batch; ++b) {
      out = CopyRow(&lefts(m, b), c, out);
      out = CopyRow(&rights(m, b), d, out);
    }
    for (std::int64_t k = 1; k < copies; ++k) out = std::copy_n(first, batch * (c + d), out);
  }
  return joined;
}

Tensor Scaled(const Tensor& values, double factor) {
  if (!OnHost(values) || !values.is_contiguous()) return values * factor;
  Tensor scaled = EmptyLike(values, values.sizes());
  const float* const first = values.const_data_ptr<float>();
  std::transform(first, first + values.numel(), scaled.mutable_data_ptr<float>(),
                 [factor = static_cast<float>(factor)](float value) { return value * factor; });
  return scaled;
}

Tensor Exp(const Tensor& values) {
  if (!OnHost(values) || !values.is_contiguous()) return values.exp();
  Tensor result = EmptyLike(values, values.sizes());
  const float* const first = values.const_data_ptr<float>();
  std::transform(first, first + values.numel(), result.mutable_data_ptr<float>(),
                 [](float value) { return std::exp(value); });
  return result;
}

void SumBatchOut(const Tensor& sums, const Tensor& values) {
  if (!OnHost(values)) {
    Tensor out = sums;
    at::sum_out(out, values, 1, /*keepdim=*/true);
    return;
  }
  const Tensor dense = WithDenseRows(values);
  const HostNumbers in(dense), out(sums);
  const std::int64_t columns = values.size(2);
  for (std::int64_t m = 0; m < values.size(0); ++m) {
    SumRows(&out(m), &in(m), values.size(1), columns, values.size(1) > 1 ? dense.stride(1) : 0);
  }
}

// As at::threshold_backward: where the output is NaN the gradient passes.
DUET_WIDE_VECTORS void ReluBackward(float* __restrict gradient, const float* output,
                                    std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] = output[i] <= 0.0F ? 0.0F : gradient[i];
}

DUET_WIDE_VECTORS void TanhBackward(float* __restrict gradient, const float* output,
                                    std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] *= 1.0F - output[i] * output[i];
}

void ReluBackward(Tensor& gradient, const Tensor& output) {
  if (!OnHost(gradient) || !gradient.is_contiguous() || !output.is_contiguous()) {
    at::threshold_backward_out(gradient, gradient, output, 0);
    return;
  }
  ReluBackward(gradient.mutable_data_ptr<float>(), output.const_data_ptr<float>(),
               gradient.numel());
}

void TanhBackward(Tensor& gradient, const Tensor& output) {
  if (!OnHost(gradient) || !gradient.is_contiguous() || !output.is_contiguous()) {
    at::tanh_backward_out(gradient, gradient, output);
    return;
  }
  TanhBackward(gradient.mutable_data_ptr<float>(), output.const_data_ptr<float>(),
               gradient.numel());
}

Tensor RowNorms(const Tensor& rows) {
  if (!OnHost(rows) || rows.stride(1) != 1) return at::linalg_vector_norm(rows, 2, {1});
  const HostNumbers row(rows);
  Tensor norms = EmptyLike(rows, {rows.size(0)});
  float* norm = norms.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < rows.size(0); ++m) {
    *norm++ = static_cast<float>(std::sqrt(SumOfSquares(&row(m), rows.size(1))));
  }
  return norms;
}

void ScaleRows(Tensor& rows, const Tensor& factors) {
  if (!OnHost(rows) || rows.stride(1) != 1) {
    rows.mul_(factors.unsqueeze(1));
    return;
  }
  const HostNumbers row(rows), factor(factors);
  for (std::int64_t m = 0; m < rows.size(0); ++m) Scale(&row(m), factor(m), rows.size(1));
}

void MoveTowards(Tensor& rows, const Tensor& targets, double share) {
  if (!OnHost(rows) || rows.stride(1) != 1 || targets.stride(1) != 1) {
    rows.lerp_(targets, share);
    return;
  }
  const HostNumbers row(rows), target(targets);
  for (std::int64_t m = 0; m < rows.size(0); ++m) {
    MoveTowards(&row(m), &target(m), static_cast<float>(share), rows.size(1));
  }
}

Tensor ScaledBatchMeans(const Tensor& values, double factor) {
  if (!OnHost(values)) return values.mean(1).mul_(factor);
  const HostNumbers value(values);
  Tensor means = EmptyLike(values, {values.size(0)});
  float* mean = means.mutable_data_ptr<float>();
  for (std::int64_t m = 0; m < values.size(0); ++m) {
    double sum = 0.0;
    for (std::int64_t b = 0; b < values.size(1); ++b) sum += value(m, b);
    *mean++ = static_cast<float>(sum * factor / static_cast<double>(values.size(1)));
  }
  return means;
}

bool AllFinite(const Tensor& values) {
  return AllFinite(values.const_data_ptr<float>(), values.numel());
}

}  // namespace duet::agents
