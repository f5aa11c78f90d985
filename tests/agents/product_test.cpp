#include "agents/product.h"

#include <ATen/Parallel.h>

#include "tests/agents/support.h"

namespace duet::agents {
namespace {

struct Shape {
  std::int64_t members, n, k, p;
};

// Small and large, narrow and single columns, one inner value: each goes its own way.
class ProductTest : public testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(Shapes, ProductTest,
                         testing::Values(Shape{1, 5, 3, 4}, Shape{3, 5, 3, 1}, Shape{3, 5, 1, 4},
                                         Shape{2, 7, 1, 1}, Shape{2, 64, 64, 6},
                                         Shape{1, 256, 200, 64}, Shape{3, 256, 200, 64},
                                         Shape{2, 256, 256, 6}, Shape{2, 256, 256, 1}),
                         [](const auto& info) {
                           const Shape& s = info.param;
                           return fmt::format("{}x{}x{}x{}", s.members, s.n, s.k, s.p);
                         });

TEST_P(ProductTest, EqualsTheProductInDoublePrecisionForEveryLayout) {
  const auto [members, n, k, p] = GetParam();
  const Tensor a = RandomTensor({members, n, k}, 1);
  const Tensor b = RandomTensor({members, k, p}, 2);
  const Tensor expected = at::bmm(a.to(at::kDouble), b.to(at::kDouble));
  const auto transposed = [](const Tensor& x) {
    return x.transpose(1, 2).contiguous().transpose(1, 2);
  };
  for (const Tensor& left : {a, transposed(a)}) {
    for (const Tensor& right : {b, transposed(b)}) {
      EXPECT_LT(LargestDifference(Multiply(left, right), expected), 1e-4);
    }
  }
}

TEST_P(ProductTest, LinearAddsTheBiasOfEachMemberAndCutsBelowZero) {
  const auto [members, n, k, p] = GetParam();
  const Tensor x = RandomTensor({members, n, k}, 1);
  const Tensor weight = RandomTensor({members, k, p}, 2);
  const Tensor bias = RandomTensor({members, 1, p}, 3);
  const Tensor expected = at::bmm(x.to(at::kDouble), weight.to(at::kDouble)) + bias;
  EXPECT_LT(LargestDifference(Linear(x, weight, bias, false), expected), 1e-4);
  EXPECT_LT(LargestDifference(Linear(x, weight, bias, true), expected.relu()), 1e-4);
}

TEST_P(ProductTest, AMembersProductDoesNotDependOnTheOthersNorOnThreads) {
  const auto [members, n, k, p] = GetParam();
  const Tensor a = RandomTensor({members, n, k}, 1);
  const Tensor b = RandomTensor({members, k, p}, 2);
  const int threads = at::get_num_threads();
  for (const int count : {1, 2}) {
    at::set_num_threads(count);
    const Tensor together = Multiply(a, b);
    EXPECT_TRUE(together.equal(Multiply(a, b)));
    const Tensor alone = Multiply(a.narrow(0, members - 1, 1), b.narrow(0, members - 1, 1));
    EXPECT_LT(LargestDifference(together[members - 1], alone[0]), 1e-4);
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace duet::agents
