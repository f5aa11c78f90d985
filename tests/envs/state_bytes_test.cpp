#include "envs/state_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "core/error.h"
#include "tests/envs/throws.h"

namespace duet::envs {
namespace {

using ::testing::HasSubstr;

std::string Example() {
  const std::array<double, 2> values = {1.5, -2.5};
  StateWriter writer("tag", "Some-v1");
  writer.Add(std::int64_t{7});
  writer.Add(0.25);
  writer.Add(std::string_view("text"));
  writer.Add(std::span<const double>(values));
  return writer.Finish();
}

TEST(StateBytesTest, ReadsBackWhatWasWritten) {
  const std::string bytes = Example();
  StateReader reader("tag", "Some-v1", bytes);
  std::array<double, 2> values{};
  EXPECT_EQ(reader.Integer(), 7);
  EXPECT_EQ(reader.Number(), 0.25);
  EXPECT_EQ(reader.Text(), "text");
  reader.Fill(std::span<double>(values));
  reader.Finish();
  EXPECT_EQ(values, (std::array<double, 2>{1.5, -2.5}));
}

TEST(StateBytesTest, StateOfAnotherIdIsNamed) {
  const std::string bytes = Example();
  EXPECT_EQ(MessageOf<IoError>([&] { StateReader("tag", "Other-v2", bytes); }),
            "Other-v2: the saved state is one of Some-v1; allowed is one of Other-v2");
}

TEST(StateBytesTest, EveryPrefixIsRefused) {
  const std::string bytes = Example();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = [&] {
      StateReader reader("tag", "Some-v1", std::string_view(bytes).substr(0, size));
      std::array<double, 2> values{};
      reader.Integer();
      reader.Number();
      reader.Text();
      reader.Fill(std::span<double>(values));
      reader.Finish();
    };
    EXPECT_THROW(read(), IoError) << size;
  }
}

TEST(StateBytesTest, OtherLengthsAndLeftoversAreRefused) {
  const std::string bytes = Example();
  StateReader reader("tag", "Some-v1", bytes);
  EXPECT_THAT(MessageOf<IoError>([&] { reader.Finish(); }), HasSubstr("it is too long"));
  reader.Integer();
  reader.Number();
  reader.Text();
  std::array<double, 3> values{};
  EXPECT_THAT(MessageOf<IoError>([&] { reader.Fill(std::span<double>(values)); }),
              HasSubstr("another number of values"));
  EXPECT_THAT(MessageOf<IoError>([&] { StateReader("gat", "Some-v1", bytes); }),
              HasSubstr("another kind of state"));
}

}  // namespace
}  // namespace duet::envs
