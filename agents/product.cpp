#include "agents/product.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>

#include <optional>
#include <string_view>

namespace duet::agents {
namespace {

// oneDNN's linear layer, x weight^T + bias under an activation. LibTorch uses it in compiled graphs
// alone; its plain products go to MKL, which on AMD processors leaves half of their speed unused.
using OneDnnLinear = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&,
                            std::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<std::string_view>);

const std::optional<c10::TypedOperatorHandle<OneDnnLinear>>& FindOneDnnLinear() {
  static const auto found = []() -> std::optional<c10::TypedOperatorHandle<OneDnnLinear>> {
    const auto op = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!op) return std::nullopt;
    return op->typed<OneDnnLinear>();
  }();
  return found;
}

constexpr std::int64_t kNarrow = 16;  // columns below which MKL is slow

// A call of oneDNN costs some 15 microseconds more than one of MKL, so small products stay with
// MKL. Depends on one member's shape alone: a member's products are done the same way whoever runs
// beside it.
bool UsesOneDnn(const Tensor& a, const Tensor& b) {
  if (!a.is_cpu() || b.size(2) == 1 || !FindOneDnnLinear()) return false;
  const std::int64_t multiplications = a.size(1) * a.size(2) * b.size(2);
  return multiplications >= (b.size(2) < kNarrow ? 300'000 : 1'300'000);
}

// The same matrices as MKL multiplies them fastest: a narrow one is kept transposed.
Tensor ForMkl(const Tensor& b) {
  if (!b.is_cpu() || b.size(2) >= kNarrow) return b;
  const std::int64_t k = b.size(1);
  const std::int64_t p = b.size(2);
  // With one column the strides of a plain and a transposed matrix look alike, so they are given.
  return b.transpose(1, 2)
      .contiguous()
      .as_strided({b.size(0), p, k}, {p * k, k, 1})
      .transpose(1, 2);
}

// One member's product; oneDNN takes one thread within a parallel loop and all of them outside.
template <typename Function>
void ForEachMember(std::int64_t members, const Function& function) {
  if (members == 1) return function(0);
  at::parallel_for(0, members, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;
    for (std::int64_t m = begin; m < end; ++m) function(m);
  });
}

Tensor CallOneDnn(const Tensor& a, const Tensor& b, const std::optional<Tensor>& bias, bool relu) {
  return FindOneDnnLinear()->call(a, b.t(), bias, relu ? "relu" : "none",
                                  c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace

void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b) {
  Tensor result = out;
  if (a.size(2) == 1) {
    at::mul_out(result, a, b);
  } else if (UsesOneDnn(a, b)) {
    ForEachMember(a.size(0), [&](std::int64_t m) {
      out[m].copy_(CallOneDnn(a[m], b[m], std::nullopt, false));
    });
  } else {
    at::bmm_out(result, a, ForMkl(b));
  }
}

Tensor Multiply(const Tensor& a, const Tensor& b) {
  Tensor out = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
  MultiplyOut(out, a, b);
  return out;
}

Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, bool relu) {
  if (!UsesOneDnn(x, weight)) {
    Tensor out = at::baddbmm(bias, x, ForMkl(weight));
    return relu ? out.relu_() : out;
  }
  if (x.size(0) == 1) return CallOneDnn(x[0], weight[0], bias[0][0], relu).unsqueeze(0);
  Tensor out = at::empty({x.size(0), x.size(1), weight.size(2)}, x.options());
  ForEachMember(x.size(0), [&](std::int64_t m) {
    out[m].copy_(CallOneDnn(x[m], weight[m], bias[m][0], relu));
  });
  return out;
}

}  // namespace duet::agents
