// Two ways through some layers, put together again.
#pragma once

#include <vector>

#include "distill/tasks/networks/layers.h"

namespace duet::tasks {

// The layers of one way, one after the other; none: the input itself.
class Way {
 public:
  Way() = default;
  explicit Way(std::vector<LayerPointer> layers) : layers_(std::move(layers)) {}

  Tensor Forward(const Tensor& input, Pass& pass) const;
  Tensor Backward(const Tensor& gradient, Pass& pass) const;
  std::string Emit(GraphEmitter& graph, const std::string& input) const;

 private:
  std::vector<LayerPointer> layers_;
};

// ReLU(last(body(x)) + shortcut(x)), arXiv:1512.03385, Fig. 2; `last` normalises.
class PostActivationBlock : public Layer {
 public:
  PostActivationBlock(Way body, Normalization last, Way shortcut)
      : body_(std::move(body)), last_(std::move(last)), shortcut_(std::move(shortcut)) {}
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

 private:
  Way body_;
  Normalization last_;
  Way shortcut_;
};

// body(x) + shortcut(x), arXiv:1603.05027, Fig. 1(b).
class PreActivationBlock : public Layer {
 public:
  PreActivationBlock(Way body, Way shortcut)
      : body_(std::move(body)), shortcut_(std::move(shortcut)) {}
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

 private:
  Way body_, shortcut_;
};

// The channels of x, then those of body(x), of each member: arXiv:1608.06993, Eq. 2. The body
// leaves the size of the map as it is.
class DenseBlock : public Layer {
 public:
  // `inputs`: channels of x of one member.
  DenseBlock(Way body, std::int64_t inputs) : body_(std::move(body)), inputs_(inputs) {}
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

 private:
  Way body_;
  std::int64_t inputs_;
};

}  // namespace duet::tasks
