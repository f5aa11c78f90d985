// Matrix products with a member axis, each done in the fastest way for its shape.
#pragma once

#include "agents/tensor.h"

namespace duet::agents {

// out[m] = a[m] b[m] for every member: [M, n, k], [M, k, p] -> [M, n, p]. `a` and `b` may be
// transposed views. Records no gradient.
void MultiplyOut(const Tensor& out, const Tensor& a, const Tensor& b);
Tensor Multiply(const Tensor& a, const Tensor& b);

// x[m] weight[m] + bias[m], under a ReLU where `relu` is set: [M, B, in], [M, in, out], [M, 1, out]
// -> [M, B, out]. Records no gradient.
Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias, bool relu);

}  // namespace duet::agents
