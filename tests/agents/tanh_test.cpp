#include "agents/tanh.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace duet::agents {
namespace {

TEST(TanhTest, IsWithinItsToleranceOfTheDoublePrecisionTanhForAllSizesOfNumbers) {
  std::vector<float> inputs = {0.0F};
  for (float x = std::numeric_limits<float>::min(); x < 20.0F; x *= 1.0001F) {
    inputs.push_back(x);
    inputs.push_back(-x);
  }
  std::vector<float> outputs = inputs;
  Tanh(outputs.data(), static_cast<std::int64_t>(outputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const double expected = std::tanh(static_cast<double>(inputs[i]));
    ASSERT_NEAR(outputs[i], expected, 4e-7 * std::abs(expected)) << inputs[i];
    ASSERT_LE(std::abs(outputs[i]), 1.0F) << inputs[i];
  }
}

TEST(TanhTest, SaturatesAndKeepsNaN) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {kInfinity, -kInfinity, 1e30F, -1e30F,
                               std::numeric_limits<float>::quiet_NaN()};
  Tanh(values.data(), static_cast<std::int64_t>(values.size()));
  EXPECT_EQ(values[0], 1.0F);
  EXPECT_EQ(values[1], -1.0F);
  EXPECT_EQ(values[2], 1.0F);
  EXPECT_EQ(values[3], -1.0F);
  EXPECT_TRUE(std::isnan(values[4]));
}

TEST(TanhTest, ANumbersTanhDoesNotDependOnItsPlace) {
  std::vector<float> values(67);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.1F * static_cast<float>(i) - 3.0F;
  std::vector<float> together = values;
  Tanh(together.data(), static_cast<std::int64_t>(together.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Tanh(&values[i], 1);
    EXPECT_EQ(together[i], values[i]);
  }
}

}  // namespace
}  // namespace duet::agents
