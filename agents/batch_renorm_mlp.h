// Multi-layer perceptrons with batch renormalisation, and a member axis.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "agents/mlp.h"
#include "agents/tensor.h"
#include "core/fields.h"
#include "core/random.h"

namespace duet::agents {

// Defaults are those of CrossQ's released code (arXiv:1902.05605).
struct BatchRenormConfig {
  bool enabled = true;                  // no setting: which networks have it is the agent's
  double momentum = 0.99;               // share of the old in the running statistics
  double epsilon = 1e-3;                // added to variances
  double r_max = 3.0;                   // bounds of the corrections r, in [1/r_max, r_max], …
  double d_max = 5.0;                   // … and d, in [-d_max, d_max]
  std::int64_t warmup_steps = 100'000;  // gradient steps with r = 1 and d = 0 at first
};
void VisitFields(core::FieldVisitor& v, BatchRenormConfig& c);

// M independent ReLU networks whose every layer, the first included, gets its input normalised
// feature by feature (arXiv:1702.03275, Algorithm 1), scaled and shifted. There are two modes:
//
//   evaluation  Forward: x^ = (x - running mean) / running deviation, as a fixed policy acts
//   training    ForwardTraining: x^ = (x - batch mean) / batch deviation * r + d, where r and d
//               lead back to the running statistics within their bounds and have no gradient
//
// A forward pass changes nothing; only UpdateStatistics moves the running statistics, by the batch
// of a training tape. Deviations are sqrt(variance + epsilon) of biased variances. Without
// `enabled` all this is a plain Mlp in either mode.
//
// Scales and shifts are free parameters of the layers, in front of those of the shape: a row of
// parameters is the layers, then every scale, every shift, then free_parameters().
class BatchRenormMlp {
 public:
  // Hidden layers are ReLUs and the output has no activation; throws std::logic_error otherwise.
  BatchRenormMlp(MlpShape shape, const BatchRenormConfig& config, at::Device device);

  // As an Mlp's; scales stay 1, shifts 0.
  void Initialize(std::span<core::Rng> rngs, double final_layer_scale);
  void InitializeOrthogonal(std::span<core::Rng> rngs, double gain, double output_gain);

  // The networks of rows [first, first + count), sharing parameters, gradients and statistics.
  BatchRenormMlp Slice(std::int64_t first, std::int64_t count) const;

  // Networks of the same shape with parameters and statistics of their own, for copies by CopyFrom.
  BatchRenormMlp Another() const { return {shape_, config_, parameters().device()}; }
  // Takes over the parameters and statistics of networks of the same shape.
  void CopyFrom(const BatchRenormMlp& other);

  // What Backward and UpdateStatistics need to know of a forward pass.
  struct Tape {
    // Of the normalisation before a layer; [M, 1, in] each but `output`.
    struct Normalization {
      Tensor mean = {}, variance = {};  // of the batch; undefined in evaluation
      Tensor r = {}, d = {};            // undefined in evaluation
      Tensor factor = {};               // dx^/dx at fixed statistics
      Tensor output = {};               // x^, [M, B, in]
      Tensor weight = {};               // of the layer, times the scale: [M, in, out]
    };
    Mlp::Tape layers;  // inputs before normalisation
    std::vector<Normalization> normalizations;

    bool training() const { return normalizations.front().mean.defined(); }
  };

  // [M, B, in] -> [M, B, out]
  Tensor Forward(const Tensor& input) const;
  Tensor Forward(const Tensor& input, Tape& tape) const;
  Tensor ForwardTraining(const Tensor& input, Tape& tape) const;
  // Takes the batch of a training tape into the running statistics, but for what is not finite.
  void UpdateStatistics(const Tape& tape);

  // Overwrites gradients(), but for those of free_parameters(), by those of a loss, given its
  // gradient by the output, [M, B, out]. In training that includes the way through the batch's mean
  // and variance.
  void Backward(const Tape& tape, const Tensor& output_gradient);
  // The loss's gradient by the input columns [first, first + count), [M, B, count], of a tape in
  // evaluation; gradients() stay.
  Tensor InputGradient(const Tape& tape, const Tensor& output_gradient, std::int64_t first,
                       std::int64_t count) const;

  const MlpShape& shape() const { return shape_; }
  std::int64_t num_layers() const { return layers_.num_layers(); }
  // Views into parameters(), all [M, …].
  const Tensor& weight(std::int64_t layer) const { return layers_.weight(layer); }
  const Tensor& bias(std::int64_t layer) const { return layers_.bias(layer); }
  const Tensor& scale(std::int64_t layer) const { return scales_.at(layer); }  // [M, in, 1]
  const Tensor& shift(std::int64_t layer) const { return shifts_.at(layer); }  // [M, in, 1]
  const Tensor& free_parameters() const { return free_parameters_; }
  const Tensor& free_gradients() const { return free_gradients_; }
  // [M, 2 * all inputs + 1]: the running means, [M, 1, in] of each layer, the variances likewise,
  // and the number of batches taken in.
  const Tensor& statistics() const { return statistics_; }

  Tensor& parameters() { return layers_.parameters(); }  // [M, P]
  const Tensor& parameters() const { return layers_.parameters(); }
  Tensor& gradients() { return layers_.gradients(); }  // [M, P], same order
  const Tensor& gradients() const { return layers_.gradients(); }
  Tensor GradientNorms() const { return layers_.GradientNorms(); }
  void ClipGradients(double max_norm) { layers_.ClipGradients(max_norm); }

  // As an Mlp, and "<name>.statistics", [M, 1, …].
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  // Row m gets the parameters and statistics of the saved row members[m]. Throws IoError where
  // shapes differ.
  void Load(const core::ArchiveReader& archive, const std::string& name,
            std::span<const std::int64_t> members);
  void Load(const core::ArchiveReader& archive, const std::string& name);

 private:
  BatchRenormMlp(MlpShape shape, const BatchRenormConfig& config, Mlp layers, Tensor statistics);

  Tape::Normalization NormalizeByRunning(const Tensor& x, std::int64_t layer) const;
  Tape::Normalization NormalizeByBatch(const Tensor& x, std::int64_t layer) const;
  Tensor Run(const Tensor& input, Tape& tape, bool training) const;
  // Gradient by the input of a layer, before its normalisation, from that by its output before the
  // activation. In training it takes the gradients by the layer's scale and shift for granted; in
  // evaluation only the first rows[m] rows of a member may be asked for.
  Tensor ThroughLayer(const Tape::Normalization& step, std::int64_t layer,
                      const Tensor& output_gradient, std::span<const std::int64_t> rows) const;

  MlpShape shape_;
  BatchRenormConfig config_;
  Mlp layers_;
  Tensor statistics_;
  std::vector<Tensor> scales_, shifts_, scale_gradients_, shift_gradients_;  // [M, in, 1]
  std::vector<Tensor> running_means_, running_variances_;                    // [M, 1, in]
  Tensor num_batches_;  // [M, 1, 1]; counts to 2^24
  Tensor free_parameters_, free_gradients_;
};

}  // namespace duet::agents
