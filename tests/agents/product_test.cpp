#include "agents/product.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <limits>
#include <vector>

#include "agents/host_loops.h"
#include "core/error.h"
#include "tests/agents/support.h"
#include "tests/support/message_of.h"

namespace duet::agents {
namespace {

struct Shape {
  std::int64_t members, n, k, p;
};

Tensor Transposed(const Tensor& x) { return x.transpose(1, 2).contiguous().transpose(1, 2); }

// Columns of a wider tensor, as of a batch out of replay.
Tensor Narrowed(const Tensor& x) { return at::cat({x, x}, 2).narrow(2, 0, x.size(2)); }

// Small and large, narrow and single columns, one inner value: each goes its own way.
class ProductTest : public testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(Shapes, ProductTest,
                         testing::Values(Shape{1, 5, 3, 4}, Shape{3, 5, 3, 1}, Shape{3, 5, 1, 4},
                                         Shape{2, 7, 1, 1}, Shape{2, 64, 64, 6},
                                         Shape{1, 256, 200, 64}, Shape{3, 256, 200, 64},
                                         Shape{2, 256, 256, 6}, Shape{2, 256, 256, 1},
                                         Shape{2, 6, 64, 100}),
                         [](const auto& info) {
                           const Shape& s = info.param;
                           return fmt::format("{}x{}x{}x{}", s.members, s.n, s.k, s.p);
                         });

TEST_P(ProductTest, EqualsTheProductInDoublePrecisionForEveryLayout) {
  const auto [members, n, k, p] = GetParam();
  const Tensor a = RandomTensor({members, n, k}, 1);
  const Tensor b = RandomTensor({members, k, p}, 2);
  const Tensor expected = at::bmm(a.to(at::kDouble), b.to(at::kDouble));
  for (const Tensor& left : {a, Transposed(a), Narrowed(a)}) {
    for (const Tensor& right : {b, Transposed(b), Narrowed(b)}) {
      EXPECT_LT(LargestDifference(Multiply(left, right), expected), 1e-4);
      const AtenOnly through_aten;
      EXPECT_LT(LargestDifference(Multiply(left, right), expected), 1e-4);
    }
  }
}

TEST_P(ProductTest, OfEachMemberTheFirstRowsAloneCanBeComputed) {
  const auto [members, n, k, p] = GetParam();
  const Tensor a = RandomTensor({members, n, k}, 1);
  const Tensor b = RandomTensor({members, k, p}, 2);
  const Tensor expected = at::bmm(a.to(at::kDouble), b.to(at::kDouble));
  std::vector<std::int64_t> rows;
  for (std::int64_t m = 0; m < members; ++m) rows.push_back(n * m / members);
  rows.back() = n - 1;
  const auto check = [&](Precision precision, double tolerance) {
    const Tensor found = Multiply(a, b, precision, rows);
    for (std::int64_t m = 0; m < members; ++m) {
      const std::int64_t count = rows[static_cast<std::size_t>(m)];
      if (count == 0) continue;
      EXPECT_LT(LargestDifference(found[m].narrow(0, 0, count), expected[m].narrow(0, 0, count)),
                tolerance);
    }
  };
  check(Precision::kFloat32, 1e-4);
  check(Precision::kBFloat16, 0.1 * std::sqrt(static_cast<double>(k)));
  const AtenOnly through_aten;
  check(Precision::kFloat32, 1e-4);
}

TEST_P(ProductTest, LinearAddsTheBiasOfEachMemberAndItsEpilogue) {
  const auto [members, n, k, p] = GetParam();
  const Tensor x = RandomTensor({members, n, k}, 1);
  const Tensor weight = RandomTensor({members, k, p}, 2);
  const Tensor bias = RandomTensor({members, 1, p}, 3);
  const Tensor expected = at::bmm(x.to(at::kDouble), weight.to(at::kDouble)) + bias;
  const auto expect = [&] {
    const auto linear = [&](Epilogue epilogue) { return Linear(x, weight, bias, epilogue); };
    EXPECT_LT(LargestDifference(linear(Epilogue::kNone), expected), 1e-4);
    EXPECT_LT(LargestDifference(linear(Epilogue::kRelu), expected.relu()), 1e-4);
    EXPECT_LT(LargestDifference(linear(Epilogue::kTanh), expected.tanh()), 1e-4);
  };
  expect();
  const AtenOnly through_aten;
  expect();
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
    EXPECT_TRUE(together[members - 1].equal(alone[0]));
  }
  at::set_num_threads(threads);
}

Tensor InBFloat16(const Tensor& x) { return x.to(at::kBFloat16).to(at::kDouble); }

TEST_P(ProductTest, InBFloat16OnlyTheFactorsAreRounded) {
  const auto [members, n, k, p] = GetParam();
  const Tensor a = RandomTensor({members, n, k}, 1);
  const Tensor b = RandomTensor({members, k, p}, 2);
  const Tensor bias = RandomTensor({members, 1, p}, 3);
  const Tensor expected = at::bmm(InBFloat16(a), InBFloat16(b));
  const auto expect = [&] {
    for (const Tensor& left : {a, Transposed(a), Narrowed(a)}) {
      const Tensor product = Multiply(left, b, Precision::kBFloat16);
      EXPECT_EQ(product.scalar_type(), at::kFloat);
      EXPECT_LT(LargestDifference(product, expected), 1e-4);
      EXPECT_GT(LargestDifference(Multiply(left, b), expected), 1e-4);
    }
    EXPECT_LT(LargestDifference(Linear(a, b, bias, Epilogue::kRelu, Precision::kBFloat16),
                                (expected + bias).relu()),
              1e-4);
  };
  expect();
  const AtenOnly through_aten;
  expect();
}

TEST(PrecisionTest, OnTheCpuThereIsNoTf32) {
  EXPECT_NO_THROW(UsePrecision(Precision::kBFloat16, at::kCPU));
  EXPECT_EQ(support::MessageOf<ConfigError>([] { UsePrecision(Precision::kTf32, at::kCPU); }),
            "precision = \"tf32\": only a GPU has such products; allowed on the CPU are "
            "\"float32\" and \"bf16\"");
}

TEST(ProductLogTest, NotesProductsInOrderAndHowTheirFactorsLie) {
  const Tensor a = RandomTensor({2, 4, 3}, 1), b = RandomTensor({2, 3, 5}, 2);
  Multiply(a, b);  // before: not noted
  ProductLog log;
  Multiply(a, Transposed(b));
  Linear(a, b, RandomTensor({2, 1, 5}, 3), Epilogue::kNone);
  const auto lists = log.Take();
  ASSERT_EQ(lists.size(), 1U);
  const ProductFacts facts{.members = 2, .rows = 4, .inner = 3, .columns = 5};
  ProductFacts first = facts, second = facts;
  first.right_transposed = true;
  second.biased = true;
  EXPECT_EQ(lists[0], (std::vector<ProductFacts>{first, second}));
  EXPECT_EQ(facts.flops(), 2.0 * 2 * 4 * 3 * 5);
  EXPECT_TRUE(log.Take().empty());
  EXPECT_THROW(ProductLog(), std::logic_error);
}

TEST(ProductTest, AReluKeepsNaN) {
  Tensor x = RandomTensor({1, 64, 32}, 1);
  x[0][3][0] = std::numeric_limits<float>::quiet_NaN();
  const Tensor y = Linear(x, RandomTensor({1, 32, 48}, 2), at::zeros({1, 1, 48}), Epilogue::kRelu);
  EXPECT_TRUE(y[0][3].isnan().all().item<bool>());
  EXPECT_EQ(y.isnan().sum().item<std::int64_t>(), 48);
}

}  // namespace
}  // namespace duet::agents
