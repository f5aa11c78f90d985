#include "distill/tasks/selection.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace duet::tasks {
namespace {

ModelState StateOf(double value) { return {at::full({2, 3}, value), at::full({2, 1}, -value)}; }

// Offers accuracies of two members at epochs 1, 2, 3; an epoch's parameters are its number.
Selection SomeSelection() {
  Selection selection(StateOf(0.0));
  selection.Offer(at::tensor({0.5, 0.3}, at::kDouble), 1, StateOf(1.0));
  selection.Offer(at::tensor({0.4, 0.7}, at::kDouble), 2, StateOf(2.0));
  selection.Offer(at::tensor({0.5, 0.6}, at::kDouble), 3, StateOf(3.0));
  return selection;
}

TEST(SelectionTest, KeepsEachMembersBestEpochTheEarliestOfEquals) {
  const Selection selection = SomeSelection();
  EXPECT_EQ(selection.epochs(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(selection.state().parameters[0].eq(1.0).all().item<bool>());
  EXPECT_TRUE(selection.state().parameters[1].eq(2.0).all().item<bool>());
  EXPECT_TRUE(selection.state().buffers[1].eq(-2.0).all().item<bool>());
}

TEST(SelectionTest, GoesOnAfterLoading) {
  const support::TempFolder folder;
  const Selection saved = SomeSelection();
  core::ArchiveWriter writer;
  saved.Save(writer);
  writer.Write(folder / "selection");
  Selection selection(StateOf(0.0));
  selection.Load(core::ArchiveReader(folder / "selection"));
  selection.Offer(at::tensor({0.5, 0.71}, at::kDouble), 4, StateOf(4.0));
  EXPECT_EQ(selection.epochs(), (std::vector<std::int64_t>{1, 4}));
  EXPECT_TRUE(selection.state().parameters[0].eq(1.0).all().item<bool>());
}

}  // namespace
}  // namespace duet::tasks
