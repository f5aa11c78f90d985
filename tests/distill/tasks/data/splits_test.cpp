#include "distill/tasks/data/splits.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace duet::tasks {
namespace {

using agents::Tensor;

// 400 samples: 200 of class 0, 100 of class 1, 60 of class 2, 40 of class 3.
Tensor Labels() {
  std::vector<std::int64_t> labels(200, 0);
  labels.insert(labels.end(), 100, 1);
  labels.insert(labels.end(), 60, 2);
  labels.insert(labels.end(), 40, 3);
  return at::tensor(at::IntArrayRef(labels), at::kLong);
}

TEST(SplitOrderTest, HasEveryRowOnce) {
  for (const bool stratified : {false, true}) {
    std::vector<std::int64_t> rows = SplitOrder(Labels(), stratified, 3);
    std::ranges::sort(rows);
    for (std::int64_t i = 0; i < 400; ++i) ASSERT_EQ(rows[static_cast<std::size_t>(i)], i);
  }
}

TEST(SplitOrderTest, EveryRunHasTheClassesInProportion) {
  const Tensor labels = Labels();
  const std::vector<std::int64_t> rows = SplitOrder(labels, true, 3);
  for (const std::size_t first : {0UL, 17UL, 133UL, 250UL}) {
    for (const std::size_t count : {1UL, 20UL, 77UL, 150UL}) {
      std::map<std::int64_t, double> counts;
      for (std::size_t i = first; i < first + count; ++i) {
        counts[labels[rows[i]].item<std::int64_t>()] += 1.0;
      }
      const double shares[] = {0.5, 0.25, 0.15, 0.1};
      for (std::int64_t c = 0; c < 4; ++c) {
        EXPECT_LE(std::abs(counts[c] - shares[c] * static_cast<double>(count)), 2.0)
            << first << ' ' << count << ' ' << c;
      }
    }
  }
}

TEST(SplitOrderTest, DependsOnTheSeedAlone) {
  EXPECT_EQ(SplitOrder(Labels(), true, 3), SplitOrder(Labels(), true, 3));
  EXPECT_NE(SplitOrder(Labels(), true, 3), SplitOrder(Labels(), true, 4));
  EXPECT_NE(SplitOrder(Labels(), true, 3), SplitOrder(Labels(), false, 3));
}

}  // namespace
}  // namespace duet::tasks
