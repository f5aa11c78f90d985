// Multi-layer perceptrons with a member axis.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/product.h"
#include "agents/tensor.h"
#include "core/random.h"

namespace duet::agents {

class LiveSamples;

enum class Activation { kRelu, kTanh };
enum class OutputActivation { kNone, kTanh };

struct MlpShape {
  std::int64_t members = 1;  // M; or rows of a stack, such as two critics for each member
  std::int64_t input = 1;
  std::vector<std::int64_t> hidden;  // sizes of the hidden layers; empty: one linear layer
  std::int64_t output = 1;
  OutputActivation output_activation = OutputActivation::kNone;
  Activation activation = Activation::kRelu;  // of the hidden layers
  std::int64_t free_parameters = 0;  // that belong to no layer, such as a log standard deviation
  Precision precision = Precision::kFloat32;  // of its products
};

// M independent networks of one shape, computed together: a layer is one batched product. The
// parameters of a member are one row of [M, P], its gradients one of another, so that an optimizer
// step is one operation and members can be told apart in it. The backward pass is written out,
// since it is three products a layer and callers say which of them they need; nothing here uses or
// records autograd.
class Mlp {
 public:
  Mlp(MlpShape shape, at::Device device);

  // Draws every parameter of a layer uniformly in ±1/sqrt(inputs) as PyTorch's Linear; those of the
  // last layer in ±final_layer_scale where that is positive. Row r draws from rngs[r / k], where
  // the stack has k times as many rows as there are streams. Free parameters stay.
  void Initialize(std::span<core::Rng> rngs, double final_layer_scale);
  // Orthogonal weights (arXiv:1312.6120) times `gain`, those of the last layer times `output_gain`;
  // biases are 0. Streams as above.
  void InitializeOrthogonal(std::span<core::Rng> rngs, double gain, double output_gain);

  // The networks of rows first, first + step, …, `count` of them, sharing parameters and gradients.
  Mlp Slice(std::int64_t first, std::int64_t count, std::int64_t step = 1) const;

  // Networks of the same shape with parameters of their own, for copies by CopyFrom.
  Mlp Another() const { return {shape_, parameters_.device()}; }
  // Takes over the parameters of networks of the same shape.
  void CopyFrom(const Mlp& other) { parameters_.copy_(other.parameters_); }

  // What Backward needs to know of a forward pass.
  struct Tape {
    std::vector<Tensor> inputs;  // of each layer, [M, B, in]
    Tensor output;               // [M, B, out] after the output activation
  };

  // [M, B, in] -> [M, B, out]
  Tensor Forward(const Tensor& input) const;
  Tensor Forward(const Tensor& input, Tape& tape) const;

  // Overwrites gradients() by those of a loss, given its gradient by the output, [M, B, out].
  void Backward(const Tape& tape, const Tensor& output_gradient);
  // The loss's gradient by the input columns [first, first + count), [M, B, count]; gradients()
  // stay. On the CPU samples without an output gradient cost nothing.
  Tensor InputGradient(const Tape& tape, const Tensor& output_gradient, std::int64_t first,
                       std::int64_t count) const;

  const MlpShape& shape() const { return shape_; }
  std::int64_t num_layers() const { return static_cast<std::int64_t>(weights_.size()); }
  // Views into parameters().
  const Tensor& weight(std::int64_t layer) const { return weights_.at(layer); }  // [M, in, out]
  const Tensor& bias(std::int64_t layer) const { return biases_.at(layer); }     // [M, 1, out]
  // Views into gradients(), of the same shapes.
  const Tensor& weight_gradient(std::int64_t layer) const { return weight_gradients_.at(layer); }
  const Tensor& bias_gradient(std::int64_t layer) const { return bias_gradients_.at(layer); }

  // Views too, [M, free_parameters]. Their gradients are the caller's to write.
  const Tensor& free_parameters() const { return free_parameters_; }
  const Tensor& free_gradients() const { return free_gradients_; }

  Tensor& parameters() { return parameters_; }  // [M, P]
  const Tensor& parameters() const { return parameters_; }
  Tensor& gradients() { return gradients_; }  // [M, P], same order
  const Tensor& gradients() const { return gradients_; }
  // The gradient's 2-norm of each member, [M].
  Tensor GradientNorms() const;
  // Scales each member's gradient down to the norm `max_norm` where it is larger.
  void ClipGradients(double max_norm);

  // Layer by layer, "<name>.0.weight" and so on; then "<name>.free".
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  // Row m gets the parameters of the saved row members[m]. Throws IoError where shapes differ.
  void Load(const core::ArchiveReader& archive, const std::string& name,
            std::span<const std::int64_t> members);
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  Mlp(MlpShape shape, Tensor parameters, Tensor gradients);

  Epilogue AfterLayer(std::int64_t layer) const;
  // Gradient before the output activation.
  Tensor ThroughOutput(const Tape& tape, const Tensor& output_gradient) const;
  // Packed gradient by the hidden layer below `layer`, before its activation; `input` is what it
  // gave.
  Tensor ThroughHiddenLayer(const Tensor& output_gradient, std::int64_t layer, const Tensor& input,
                            const LiveSamples& live) const;

  MlpShape shape_;
  Tensor parameters_;
  Tensor gradients_;
  std::vector<Tensor> weights_, biases_;
  std::vector<Tensor> transposed_weights_;  // [M, out, in]
  std::vector<Tensor> weight_gradients_, bias_gradients_;
  Tensor free_parameters_, free_gradients_;
};

}  // namespace duet::agents
