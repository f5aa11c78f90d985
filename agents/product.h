// Matrix products with a member axis, each done in the fastest way for its device. Nothing here
// records a gradient.
//
// On the CPU a member's product takes one thread and is the same whichever members run beside it;
// members are spread over the threads.
#pragma once

#include "agents/onednn.h"
#include "agents/tensor.h"

namespace duet::agents {

// out[m] = a[m] b[m] for every member: [M, n, k], [M, k, p] -> [M, n, p]. `a` and `b` may be
// transposed views.
void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b);
Tensor Multiply(const Tensor& a, const Tensor& b);

// epilogue(x[m] weight[m] + bias[m]): [M, B, in], [M, in, out], [M, 1, out] -> [M, B, out].
void LinearOut(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias,
               Epilogue epilogue);
Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, Epilogue epilogue);

// While one lives, this process does all products through ATen, as on a GPU: for tests.
class AtenProducts {
 public:
  AtenProducts();
  ~AtenProducts();
  AtenProducts(const AtenProducts&) = delete;
  AtenProducts& operator=(const AtenProducts&) = delete;
};

}  // namespace duet::agents
