#include "agents/product.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace duet::agents {
namespace {

std::atomic<bool> through_aten = false;

bool ForOneDnn(const Tensor& out, const Tensor& a, const Tensor& b) {
  const auto fits = [](const Tensor& x) {
    return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  };
  return HaveOneDnn() && !through_aten && a.is_cpu() && out.numel() > 0 && a.numel() > 0 &&
         fits(a) && fits(b) && fits(out);
}

// With rows or columns whose elements lie one after the other.
Tensor WithDenseLines(const Tensor& x) {
  const auto dense = [&](std::int64_t along, std::int64_t across) {
    return (x.stride(along) == 1 || x.size(along) == 1) &&
           (x.stride(across) >= x.size(along) || x.size(across) == 1);
  };
  return dense(2, 1) || dense(1, 2) ? x : x.contiguous();
}

Matrix OfMember(const Tensor& x, std::int64_t member) {
  auto* data = static_cast<std::byte*>(x.mutable_data_ptr());
  return {.data = data + member * x.stride(0) * static_cast<std::int64_t>(x.element_size()),
          .type = x.scalar_type(),
          .rows = x.size(1),
          .columns = x.size(2),
          .row_stride = x.stride(1),
          .column_stride = x.stride(2)};
}

constexpr std::int64_t kWorthAThread = 1'000'000;  // multiplications

void MultiplyEach(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* bias,
                  Epilogue epilogue) {
  const Tensor left = WithDenseLines(a);
  const Tensor right = WithDenseLines(b);
  const std::int64_t multiplications = a.size(1) * a.size(2) * b.size(2);
  const std::int64_t grain = std::max<std::int64_t>(1, kWorthAThread / multiplications);
  at::parallel_for(0, out.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t m = begin; m < end; ++m) {
      const float* offsets =
          bias == nullptr ? nullptr : bias->const_data_ptr<float>() + m * bias->stride(0);
      MultiplyMatrices(OfMember(out, m), OfMember(left, m), OfMember(right, m), offsets, epilogue);
    }
  });
}

}  // namespace

AtenProducts::AtenProducts() { through_aten = true; }
AtenProducts::~AtenProducts() { through_aten = false; }

void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b) {
  if (ForOneDnn(out, a, b)) return MultiplyEach(out, a, b, nullptr, Epilogue::kNone);
  Tensor result = out;
  if (a.size(2) == 1) {
    at::mul_out(result, a, b);
  } else {
    at::bmm_out(result, a, b);
  }
}

Tensor Multiply(const Tensor& a, const Tensor& b) {
  Tensor out = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
  MultiplyOut(out, a, b);
  return out;
}

void LinearOut(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias,
               Epilogue epilogue) {
  if (ForOneDnn(out, x, weight)) return MultiplyEach(out, x, weight, &bias, epilogue);
  Tensor result = out;
  at::baddbmm_out(result, bias, x, weight);
  if (epilogue == Epilogue::kRelu) result.relu_();
  if (epilogue == Epilogue::kTanh) result.tanh_();
}

Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Epilogue epilogue) {
  Tensor out = at::empty({x.size(0), x.size(1), weight.size(2)}, x.options());
  LinearOut(out, x, weight, bias, epilogue);
  return out;
}

}  // namespace duet::agents
