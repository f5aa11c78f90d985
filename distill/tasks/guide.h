// The guide of scaffolded distillation: who says how much help a student gets with an example
// (distill/rules/scaffold.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "distill/lesson.h"
#include "distill/rules/scaffold.h"
#include "distill/tasks/optimizer.h"

namespace duet::tasks {

// Three 3x3 convolutions with SiLU on the teacher's last feature map, the mean over places, a
// linear layer to the classes, one to a number, and a sigmoid: "b24" of the authors' code. M of
// them.
class HelpNetwork {
 public:
  // Parameters start as PyTorch's layers do, each member's from its own stream.
  HelpNetwork(std::int64_t inputs, std::int64_t channels, std::int64_t num_classes,
              std::span<core::Rng> rngs, at::Device device);

  // Help in [0, 1], [M, B], on features [M, B, D, H, W]. The gradient flows to parameters().
  Tensor Forward(const Tensor& features) const;

  Tensor& parameters() { return parameters_; }  // [M, P], a leaf
  const Tensor& parameters() const { return parameters_; }

 private:
  struct Block {
    std::vector<std::int64_t> shape;
    std::int64_t inputs;  // numbers that an output is a sum of
  };
  static std::vector<Block> Blocks(std::int64_t inputs, std::int64_t channels,
                                   std::int64_t num_classes);

  std::vector<Block> blocks_;
  Tensor parameters_;
};

// The guide of every member, and its training.
class Guide {
 public:
  // `features` is the size of the teacher's map, {D, H, W}. Throws ConfigError where it is a
  // vector.
  Guide(const GuideConfig& config, const TrainingConfig& training,
        const std::vector<std::int64_t>& features, std::int64_t num_classes,
        std::span<const std::uint64_t> member_seeds, at::Device device);

  // What the student minimises, [M, B], and the help that it got, [M, B], without gradient.
  struct StudentLoss {
    Tensor loss, help;
  };
  StudentLoss LossFor(const Tensor& student_logits, const distill::Answer& teacher,
                      const Tensor& labels) const;

  // One step of the guide; the student's logits are taken as they are. `round` is the number of
  // turns that guide and student have had. Returns its loss, [M].
  Tensor Step(const Tensor& student_logits, const distill::Answer& teacher, const Tensor& labels,
              std::int64_t round, double learning_rate);

  // What the help of a batch costs of the budget, [M], without gradient.
  Tensor Use(const Tensor& student_logits, const distill::Answer& teacher, const Tensor& labels,
             const Tensor& help) const;

  void Save(core::ArchiveWriter& archive) const;
  void Load(const core::ArchiveReader& archive);

 private:
  const GuideConfig config_;
  HelpNetwork network_;
  Optimizer optimizer_;
};

}  // namespace duet::tasks
