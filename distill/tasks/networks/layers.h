// The layers of image classifiers. Sizes stand in the blocks of parameters.
#pragma once

#include <optional>
#include <vector>

#include "distill/tasks/networks/layer.h"

namespace duet::tasks {

// A convolution, zero outside the image.
class Convolution : public Layer {
 public:
  struct Shape {
    ParameterBlock weight;
    std::optional<ParameterBlock> bias;
    std::int64_t stride = 1, padding = 1;
    bool first = false;  // its input is the images, which need no gradient
  };
  explicit Convolution(Shape shape) : shape_(std::move(shape)) {}

  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

 private:
  Shape shape_;
};

// Batch normalisation (arXiv:1502.03167), as PyTorch's BatchNorm2d, and what follows it: the sum
// with another map, the ReLU, and the maximum of each 2 x 2 pixels, all in one go.
class Normalization : public Layer {
 public:
  struct Shape {
    ParameterBlock scale, shift, running_mean, running_variance;
    // Of the convolution before, which leaves it out: in training the mean takes it away again, so
    // that it moves the running mean alone and its gradient is 0.
    std::optional<ParameterBlock> bias;
    bool relu = true;
    bool pool = false;
    bool adds = false;  // another map, before the ReLU; not with pooling
  };
  explicit Normalization(Shape shape) : shape_(std::move(shape)) {}

  Tensor Forward(const Tensor& input, Pass& pass) const override {
    return ForwardWith(input, {}, pass);
  }
  Tensor Backward(const Tensor& gradient, Pass& pass) const override {
    return BackwardWith(gradient, pass).input;
  }
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

  // With `other`, of the shape of the input, where the shape says so.
  Tensor ForwardWith(const Tensor& input, const Tensor& other, Pass& pass) const;
  struct Gradients {
    Tensor input, other;
  };
  Gradients BackwardWith(const Tensor& gradient, Pass& pass) const;
  // `other` is the name of the map that is added.
  std::string EmitWith(GraphEmitter& graph, const std::string& input,
                       const std::string& other) const;

 private:
  // The greatest of each 2 x 2 pixels of the ReLU of input * factor + shift.
  Tensor Pooled(const Tensor& input, const Tensor& factor, const Tensor& shift, Pass& pass) const;

  Shape shape_;
};

// Maximum over each 2 x 2 pixels; a last odd row or column is left out.
class MaxPool : public Layer {
 public:
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;
};

// Mean over each 2 x 2 pixels; a last odd row or column is left out.
class AveragePool : public Layer {
 public:
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;
};

class Relu : public Layer {
 public:
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;
};

// Map to vector, a member's channels first, as PyTorch's Flatten.
class Flatten : public Layer {
 public:
  explicit Flatten(bool first) : first_(first) {}
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

 private:
  bool first_;  // its input is the images
};

// Map to vector: the mean over all pixels of each channel.
class GlobalAverage : public Layer {
 public:
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;
};

// Vector to vector.
class Linear : public Layer {
 public:
  Linear(ParameterBlock weight, ParameterBlock bias, bool relu)
      : weight_(std::move(weight)), bias_(std::move(bias)), relu_(relu) {}
  Tensor Forward(const Tensor& input, Pass& pass) const override;
  Tensor Backward(const Tensor& gradient, Pass& pass) const override;
  std::string Emit(GraphEmitter& graph, const std::string& input) const override;

 private:
  ParameterBlock weight_, bias_;
  bool relu_;
};

}  // namespace duet::tasks
