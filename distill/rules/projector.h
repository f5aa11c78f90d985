// Trainable layers between the student's features and the source's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distill/rule.h"

namespace duet::distill {

// Chains of linear layers over the channels (1x1 convolutions of maps), one of each per member,
// with ReLU between them. All their parameters, and `free` numbers more, are the rows of one leaf.
class Projector {
 public:
  struct Chain {
    std::vector<std::int64_t> widths;  // channels: of the input, after each layer
    bool bias = true;
  };
  // Layers start as PyTorch's: uniform within 1 / sqrt(inputs), each member from its own stream.
  Projector(std::vector<Chain> chains, std::int64_t free, const RuleInputs& inputs);

  // Chain `index` on maps [M, B, D, H, W] or vectors [M, B, D].
  Tensor Apply(std::size_t index, const Tensor& features) const;
  Tensor free() const;                          // [M, free]
  Tensor& parameters() { return parameters_; }  // [M, P]
  void FillFree(double value);                  // before training

  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  struct Layer {
    std::int64_t offset, inputs, outputs;
  };
  void Initialize(const RuleInputs& inputs);
  Tensor ApplyLayer(const Layer& layer, bool bias, const Tensor& rows) const;

  std::vector<Chain> chains_;
  std::vector<std::vector<Layer>> layers_;  // of each chain
  std::int64_t free_, size_ = 0;            // numbers of `free` and of all layers
  Tensor parameters_;
};

}  // namespace duet::distill
