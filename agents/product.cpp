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

// What surrounds the products of a stack.
struct Frame {
  bool left_transposed = false;             // the product is a' b
  const Tensor* bias = nullptr;             // [M, 1, p], added
  Epilogue epilogue = Epilogue::kNone;      // what follows
  std::span<const std::int64_t> rows = {};  // how many of each member; empty: all
};

void Note(const Tensor& a, const Tensor& b, const Frame& frame) {
  Log* const log = current_log.load(std::memory_order_acquire);
  if (log == nullptr) return;
  const auto transposed = [](const Tensor& x) { return x.stride(2) != 1 && x.size(2) > 1; };
  ProductFacts facts{.members = a.size(0),
                     .rows = a.size(1),
                     .inner = a.size(2),
                     .columns = b.size(2),
                     .left_transposed = transposed(a),
                     .right_transposed = transposed(b),
                     .biased = frame.bias != nullptr};
  if (frame.left_transposed) {
    std::swap(facts.rows, facts.inner);
    facts.left_transposed = a.stride(1) != 1 && a.size(1) > 1;
  }
  const std::lock_guard lock(log->mutex);
  std::vector<ProductFacts>& products = log->by_thread[std::this_thread::get_id()];
  if (frame.rows.empty()) return products.push_back(facts);
  facts.members = 1;
  for (const std::int64_t count : frame.rows) {
    facts.rows = count;
    if (count > 0) products.push_back(facts);
  }
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

// Its first `rows` rows.
Matrix OfMember(const Tensor& x, std::int64_t member, std::int64_t rows) {
  auto* data = static_cast<std::byte*>(x.mutable_data_ptr());
  return {.data = data + member * x.stride(0) * static_cast<std::int64_t>(x.element_size()),
          .type = x.scalar_type(),
          .rows = rows,
          .columns = x.size(2),
          .row_stride = x.stride(1),
          .column_stride = x.stride(2)};
}

constexpr std::int64_t kWorthAThread = 1'000'000;  // multiplications

void MultiplyEach(const Tensor& out, const Tensor& a, const Tensor& b, const Frame& frame) {
  const Tensor left = WithDenseLines(a);
  const Tensor right = WithDenseLines(b);
  const std::int64_t multiplications = a.size(1) * a.size(2) * b.size(2);
  const std::int64_t grain = std::max<std::int64_t>(1, kWorthAThread / multiplications);
  at::parallel_for(0, out.size(0), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t m = begin; m < end; ++m) {
      const float* offsets = frame.bias == nullptr
                                 ? nullptr
                                 : frame.bias->const_data_ptr<float>() + m * frame.bias->stride(0);
      const std::int64_t rows =
          frame.rows.empty() ? a.size(1) : frame.rows[static_cast<std::size_t>(m)];
      if (rows == 0) continue;
      const Matrix factor = OfMember(left, m, rows);
      MultiplyMatrices(OfMember(out, m, frame.left_transposed ? out.size(1) : rows),
                       frame.left_transposed ? factor.Transposed() : factor,
                       OfMember(right, m, right.size(1)), offsets, frame.epilogue);
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

// Without oneDNN all rows are computed, whatever is asked for.
void MultiplyRounded(const Tensor& out, const Tensor& a, const Tensor& b, const Frame& frame) {
  if (ForOneDnn(out, a, b)) return MultiplyEach(out, a, b, frame);
  Tensor result = out;
  if (a.size(2) == 1) {
    at::mul_out(result, a, b);
  } else if (a.scalar_type() != out.scalar_type()) {
    at::bmm_out(result, a, b, out.scalar_type());
  } else {
    at::bmm_out(result, a, b);
  }
}

void LinearRounded(const Tensor& out, const Tensor& x, const Tensor& weight, const Frame& frame) {
  if (ForOneDnn(out, x, weight)) return MultiplyEach(out, x, weight, frame);
  Tensor result = out;
  if (x.scalar_type() != out.scalar_type()) {
    at::baddbmm_out(result, *frame.bias, x, weight, out.scalar_type());
  } else {
    at::baddbmm_out(result, *frame.bias, x, weight);
  }
  if (frame.epilogue == Epilogue::kRelu) result.relu_();
  if (frame.epilogue == Epilogue::kTanh) result.tanh_();
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

void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b, Precision precision,
                 std::span<const std::int64_t> rows) {
  const Frame frame{.rows = rows};
  Note(a, b, frame);
  if (precision != Precision::kBFloat16) return MultiplyRounded(out, a, b, frame);
  MultiplyRounded(out, Round(a), Round(b), frame);
}

void MultiplyTransposedOut(const Tensor& out, const Tensor& a, const Tensor& b,
                           Precision precision) {
  // A view takes as long as a small product.
  if (precision == Precision::kBFloat16 || !ForOneDnn(out, a, b)) {
    return MultiplyOut(out, a.transpose(1, 2), b, precision);
  }
  const Frame frame{.left_transposed = true};
  Note(a, b, frame);
  MultiplyEach(out, a, b, frame);
}

Tensor Multiply(const Tensor& a, const Tensor& b, Precision precision,
                std::span<const std::int64_t> rows) {
  Tensor out = EmptyLike(a, {a.size(0), a.size(1), b.size(2)});
  MultiplyOut(out, a, b, precision, rows);
  return out;
}

void LinearOut(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias,
               Epilogue epilogue, Precision precision) {
  const Frame frame{.bias = &bias, .epilogue = epilogue};
  Note(x, weight, frame);
  if (precision != Precision::kBFloat16) return LinearRounded(out, x, weight, frame);
  LinearRounded(out, Round(x), Round(weight), frame);
}

Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Epilogue epilogue,
              Precision precision) {
  Tensor out = EmptyLike(x, {x.size(0), x.size(1), weight.size(2)});
  LinearOut(out, x, weight, bias, epilogue, precision);
  return out;
}

}  // namespace duet::agents
