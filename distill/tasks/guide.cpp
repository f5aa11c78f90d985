#include "distill/tasks/guide.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "agents/members.h"
#include "core/error.h"

namespace duet::tasks {
namespace {

std::int64_t MapChannels(const std::vector<std::int64_t>& features, const std::string& layer) {
  if (features.size() == 3) return features[0];
  throw ConfigError(
      fmt::format("guide.layer = \"{}\" gives vectors; allowed is a layer of the teacher that "
                  "gives maps",
                  layer));
}

HelpNetwork MakeNetwork(std::int64_t inputs, std::int64_t channels, std::int64_t num_classes,
                        std::span<const std::uint64_t> member_seeds, at::Device device) {
  std::vector<core::Rng> rngs = agents::MemberStreams(member_seeds, "guide");
  return HelpNetwork(inputs, channels, num_classes, rngs, device);
}

}  // namespace

std::vector<HelpNetwork::Block> HelpNetwork::Blocks(std::int64_t inputs, std::int64_t channels,
                                                    std::int64_t num_classes) {
  std::vector<Block> blocks;
  for (std::int64_t from = inputs, i = 0; i < 3; ++i, from = channels) {
    blocks.push_back({{channels, from, 3, 3}, from * 9});
    blocks.push_back({{channels}, from * 9});
  }
  blocks.push_back({{num_classes, channels}, channels});
  blocks.push_back({{num_classes}, channels});
  blocks.push_back({{1, num_classes}, num_classes});
  blocks.push_back({{1}, num_classes});
  return blocks;
}

HelpNetwork::HelpNetwork(std::int64_t inputs, std::int64_t channels, std::int64_t num_classes,
                         std::span<core::Rng> rngs, at::Device device)
    : blocks_(Blocks(inputs, channels, num_classes)) {
  std::int64_t size = 0;
  for (const Block& block : blocks_) size += c10::multiply_integers(block.shape);
  const Tensor values = at::empty({static_cast<std::int64_t>(rngs.size()), size}, at::kFloat);
  for (std::size_t m = 0; m < rngs.size(); ++m) {
    float* row = values[static_cast<std::int64_t>(m)].mutable_data_ptr<float>();
    for (const Block& block : blocks_) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(block.inputs));
      for (std::int64_t i = c10::multiply_integers(block.shape); i > 0; --i) {
        *row++ = static_cast<float>(rngs[m].Uniform(-bound, bound));
      }
    }
  }
  parameters_ = values.to(device).requires_grad_(true);
}

Tensor HelpNetwork::Forward(const Tensor& features) const {
  std::vector<Tensor> help;
  std::vector<std::int64_t> sizes;
  for (const Block& block : blocks_) sizes.push_back(c10::multiply_integers(block.shape));
  for (std::int64_t m = 0; m < parameters_.size(0); ++m) {
    std::vector<Tensor> parts = parameters_[m].split_with_sizes(sizes);
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = parts[i].view(blocks_[i].shape);
    Tensor x = features[m];
    for (std::size_t i = 0; i < 6; i += 2) {
      x = at::silu(at::conv2d(x, parts[i], parts[i + 1], /*stride=*/1, /*padding=*/1));
    }
    x = at::linear(x.mean({2, 3}), parts[6], parts[7]);
    help.push_back(at::sigmoid(at::linear(x, parts[8], parts[9])).squeeze(1));
  }
  return at::stack(help);
}

Guide::Guide(const GuideConfig& config, const TrainingConfig& training,
             const std::vector<std::int64_t>& features, std::int64_t num_classes,
             std::span<const std::uint64_t> member_seeds, at::Device device)
    : config_(config),
      network_(MakeNetwork(MapChannels(features, config.layer), config.channels, num_classes,
                           member_seeds, device)),
      optimizer_(training, network_.parameters()) {}

Guide::StudentLoss Guide::LossFor(const Tensor& student_logits, const distill::Answer& teacher,
                                  const Tensor& labels) const {
  Tensor help;
  {
    const c10::NoGradGuard no_grad;
    help = network_.Forward(teacher.features.front());
  }
  const distill::ScaffoldTarget target =
      distill::MakeScaffoldTarget(config_.scaffold, teacher.logits, labels);
  return {
      .loss = distill::ScaffoldStudentLoss(config_.scaffold, student_logits, help, target, labels),
      .help = help};
}

Tensor Guide::Step(const Tensor& student_logits, const distill::Answer& teacher,
                   const Tensor& labels, std::int64_t round, double learning_rate) {
  const Tensor help = network_.Forward(teacher.features.front());
  const Tensor loss = distill::GuideLoss(config_.scaffold, student_logits, teacher.logits, help,
                                         labels, distill::LimitsAt(config_.scaffold, round));
  loss.sum().backward();
  optimizer_.Step(learning_rate);
  return loss.detach();
}

Tensor Guide::Use(const Tensor& student_logits, const distill::Answer& teacher,
                  const Tensor& labels, const Tensor& help) const {
  const c10::NoGradGuard no_grad;
  return distill::BudgetUse(config_.scaffold, student_logits, teacher.logits, help, labels);
}

void Guide::Save(core::ArchiveWriter& archive) const {
  agents::SaveTensor(archive, "guide.parameters", network_.parameters().detach());
  optimizer_.Save(archive, "guide.optimizer");
}

void Guide::Load(const core::ArchiveReader& archive) {
  const c10::NoGradGuard no_grad;
  agents::LoadTensor(archive, "guide.parameters", network_.parameters());
  optimizer_.Load(archive, "guide.optimizer");
}

}  // namespace duet::tasks
