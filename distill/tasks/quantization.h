// Networks with weights of few bits.
#pragma once

#include <cstdint>
#include <span>

#include "agents/tensor.h"
#include "distill/tasks/networks/parameter_layout.h"

namespace duet::tasks {

// Parameters, [M, P], whose weights of convolutions and linear layers take at most 2^bits - 1
// values in each output channel: whole multiples, from -(2^(bits-1) - 1) to 2^(bits-1) - 1, of a
// step of the channel's own such that its largest weight is the last. The rest stays as it is.
// `bits` is in [2, 10]; throws std::invalid_argument otherwise.
//
// The gradient goes straight through (arXiv:1308.3432), so that
//   classifier.ForwardWith(QuantizeWeights(layout, classifier.parameters(), bits), …)
// trains for quantisation (arXiv:1712.05877); without gradients it quantises a trained network.
Tensor QuantizeWeights(std::span<const ParameterBlock> layout, const Tensor& parameters,
                       std::int64_t bits);

// `weights`, [channels, n], as multiples of each channel's `step`, [channels], within the same
// limits. The gradient is 1 within them and 0 outside.
Tensor FakeQuantize(const Tensor& weights, const Tensor& step, std::int64_t bits);

// The steps, [channels], that QuantizeWeights takes for `weights`, [channels, n].
Tensor QuantizationSteps(const Tensor& weights, std::int64_t bits);

}  // namespace duet::tasks
