// Samples to be told from a given one.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "agents/tensor.h"
#include "core/random.h"

namespace duet::distill {

// Uniform draws, with replacement, from the samples of a pool that are of another class; a sample
// without a label is alone in its class.
class Negatives {
 public:
  // `labels`, [N] int64 with -1 for none, may be undefined: then nothing has a label. Throws
  // ConfigError where a class is the whole pool.
  Negatives(std::int64_t num_samples, const agents::Tensor& labels);

  // Fills `rows` with negatives of `sample`, in [0, N).
  void Draw(core::Rng& rng, std::int64_t sample, std::span<std::int64_t> rows) const;

 private:
  std::vector<std::int64_t> order_;  // samples, sorted by class
  std::vector<std::pair<std::int64_t, std::int64_t>>
      classes_;  // of each sample: ranks [first, last)
};

}  // namespace duet::distill
