#include "agents/product.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "agents/host_loops.h"
#include "core/error.h"

namespace duet::agents {
namespace {

struct Log {
  std::mutex mutex;
  std::map<std::thread::id, std::vector<ProductFacts>> by_thread;
};
std::atomic<Log*> current_log = nullptr;

void Note(const Tensor& a, const Tensor& b, bool biased) {
  Log* const log = current_log.load(std::memory_order_acquire);
  if (log == nullptr) return;
  const auto transposed = [](const Tensor& x) { return x.stride(2) != 1 && x.size(2) > 1; };
  const std::lock_guard lock(log->mutex);
  log->by_thread[std::this_thread::get_id()].push_back({.members = a.size(0),
                                                        .rows = a.size(1),
                                                        .inner = a.size(2),
                                                        .columns = b.size(2),
                                                        .left_transposed = transposed(a),
                                                        .right_transposed = transposed(b),
                                                        .biased = biased});
}

bool ForOneDnn(const Tensor& out, const Tensor& a, const Tensor& b) {
  const auto fits = [](const Tensor& x) {
    return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  };
  return HaveOneDnn() && OnHost(a) && OnHost(b) && out.numel() > 0 && a.numel() > 0 && fits(a) &&
         fits(b) && out.scalar_type() == at::kFloat;
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

// A factor in bfloat16: as such where products of them are fast, else as the same number in
// float32. Of two such numbers the product is exact in float32.
Tensor Round(const Tensor& x) {
  const Tensor rounded = x.to(at::kBFloat16);
  const bool fast = x.is_cuda() || (OnHost(x) && MultipliesBFloat16());
  return fast ? rounded : rounded.to(at::kFloat);
}

void MultiplyRounded(const Tensor& out, const Tensor& a, const Tensor& b) {
  if (ForOneDnn(out, a, b)) return MultiplyEach(out, a, b, nullptr, Epilogue::kNone);
  Tensor result = out;
  if (a.size(2) == 1) {
    at::mul_out(result, a, b);
  } else if (a.scalar_type() != out.scalar_type()) {
    at::bmm_out(result, a, b, out.scalar_type());
  } else {
    at::bmm_out(result, a, b);
  }
}

void LinearRounded(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias,
                   Epilogue epilogue) {
  if (ForOneDnn(out, x, weight)) return MultiplyEach(out, x, weight, &bias, epilogue);
  Tensor result = out;
  if (x.scalar_type() != out.scalar_type()) {
    at::baddbmm_out(result, bias, x, weight, out.scalar_type());
  } else {
    at::baddbmm_out(result, bias, x, weight);
  }
  if (epilogue == Epilogue::kRelu) result.relu_();
  if (epilogue == Epilogue::kTanh) result.tanh_();
}

}  // namespace

ProductLog::ProductLog() {
  if (current_log.exchange(new Log) != nullptr)
    throw std::logic_error("a ProductLog lives already");
}

ProductLog::~ProductLog() { delete current_log.exchange(nullptr); }

std::vector<std::vector<ProductFacts>> ProductLog::Take() {
  Log& log = *current_log.load();
  const std::lock_guard lock(log.mutex);
  std::vector<std::vector<ProductFacts>> lists;
  for (auto& [thread, products] : log.by_thread) lists.push_back(std::move(products));
  log.by_thread.clear();
  return lists;
}

void UsePrecision(Precision precision, at::Device device) {
  if (precision == Precision::kTf32 && !device.is_cuda()) {
    throw ConfigError(
        "precision = \"tf32\": only a GPU has such products; allowed on the CPU are \"float32\" "
        "and "
        "\"bf16\"");
  }
  if (device.is_cuda()) {
    at::globalContext().setAllowTF32CuBLAS(precision == Precision::kTf32);
  }
}

void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b, Precision precision) {
  Note(a, b, /*biased=*/false);
  if (precision != Precision::kBFloat16) return MultiplyRounded(out, a, b);
  MultiplyRounded(out, Round(a), Round(b));
}

Tensor Multiply(const Tensor& a, const Tensor& b, Precision precision) {
  Tensor out = EmptyLike(a, {a.size(0), a.size(1), b.size(2)});
  MultiplyOut(out, a, b, precision);
  return out;
}

void LinearOut(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias,
               Epilogue epilogue, Precision precision) {
  Note(x, weight, /*biased=*/true);
  if (precision != Precision::kBFloat16) return LinearRounded(out, x, weight, bias, epilogue);
  LinearRounded(out, Round(x), Round(weight), bias, epilogue);
}

Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Epilogue epilogue,
              Precision precision) {
  Tensor out = EmptyLike(x, {x.size(0), x.size(1), weight.size(2)});
  LinearOut(out, x, weight, bias, epilogue, precision);
  return out;
}

}  // namespace duet::agents
