// Matrix products with a member axis, each done in the fastest way for its device. Nothing here
// records a gradient.
//
// On the CPU a member's product takes one thread and is the same whichever members run beside it;
// members are spread over the threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agents/onednn.h"
#include "agents/tensor.h"
#include "core/fields.h"

namespace duet::agents {

// What the factors of a product are rounded to. Sums, and all that is not a product, are float32.
enum class Precision {
  kFloat32,
  kTf32,      // 10 bits after the point, on a GPU alone
  kBFloat16,  // 7 bits; a core without such products gets the same numbers at float32's pace
};

inline constexpr core::Option<Precision> kPrecisions[] = {
    {"float32", Precision::kFloat32}, {"tf32", Precision::kTf32}, {"bf16", Precision::kBFloat16}};

// Sets what the process needs for products of this kind on this device. Throws ConfigError where
// the device has none.
void UsePrecision(Precision precision, at::Device device);

// out[m] = a[m] b[m] for every member: [M, n, k], [M, k, p] -> [M, n, p]. `a` and `b` may be
// transposed views. Where `rows` is given, [M], the first rows[m] rows of member m are computed
// alone, and those behind them may become anything; this is for the CPU.
void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b,
                 Precision precision = Precision::kFloat32,
                 std::span<const std::int64_t> rows = {});
Tensor Multiply(const Tensor& a, const Tensor& b, Precision precision = Precision::kFloat32,
                std::span<const std::int64_t> rows = {});

// out[m] = a[m]' b[m], with a[m]' transposed: [M, n, k], [M, n, p] -> [M, k, p].
void MultiplyTransposedOut(const Tensor& out, const Tensor& a, const Tensor& b,
                           Precision precision = Precision::kFloat32);

// epilogue(x[m] weight[m] + bias[m]): [M, B, in], [M, in, out], [M, 1, out] -> [M, B, out].
void LinearOut(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias,
               Epilogue epilogue, Precision precision = Precision::kFloat32);
Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Epilogue epilogue,
              Precision precision = Precision::kFloat32);

// A product that was done: [M, n, k] times [M, k, p].
struct ProductFacts {
  std::int64_t members = 1, rows = 1, inner = 1, columns = 1;  // M, n, k, p
  bool left_transposed = false, right_transposed = false;      // as the factors lie in memory
  bool biased = false;

  double flops() const { return 2.0 * static_cast<double>(members * rows * inner * columns); }
  bool operator==(const ProductFacts&) const = default;
};

// While one lives, notes the products of this process, for measurements. One at a time.
class ProductLog {
 public:
  ProductLog();
  ~ProductLog();
  ProductLog(const ProductLog&) = delete;
  ProductLog& operator=(const ProductLog&) = delete;

  // What each thread did, in order.
  std::vector<std::vector<ProductFacts>> Take();
};

}  // namespace duet::agents
