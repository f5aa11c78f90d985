// M classifiers of images, trained side by side.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agents/tensor.h"
#include "core/archive.h"
#include "core/random.h"
#include "distill/tasks/networks/inference_graph.h"
#include "distill/tasks/networks/network_config.h"
#include "distill/tasks/networks/parameter_layout.h"

namespace duet::tasks {

using agents::Tensor;

class Network;

// What classifiers answer on a batch.
struct Classification {
  Tensor logits;  // [M, B, C]
  std::vector<Tensor>
      features;  // of the layers asked for, in that order: [M, B, D, H, W], [M, B, F]
};

enum class Mode {
  kTrain,     // batch normalisation by the batch, whose statistics go into the running ones
  kEvaluate,  // by the running statistics; nothing changes
};

// How members are computed. On two cores of a processor with AVX2 no kind of network gained by
// groups: a step of 3 or 5 members with batches of 128 took 1.1 to 2.8 times as long in grouped
// convolutions as member by member (CNN-2, 4, 8 and ResNet-20 at 16 x 16 and 32 x 32 pixels,
// benchmarks/tasks). On a GPU small kernels are bound by their launches.
enum class Stacking {
  kAuto,      // separate on the CPU, grouped on a GPU
  kSeparate,  // member by member, as many at once as there are threads
  kGrouped,   // all in one convolution with M groups
};

// M networks of one kind. The parameters of a member are a row of one [M, P] tensor, a leaf of
// autograd, so that an optimizer step is one operation; layout() says what lies where. The running
// statistics of batch normalisation are rows of [M, S].
//
//   classifier.parameters().mutable_grad() = Tensor();
//   const Classification answer = classifier.Forward(images, Mode::kTrain);
//   loss(answer.logits).mean(1).sum().backward();
//   sgd.Step(classifier.parameters(), classifier.parameters().grad(), learning_rate);
//
// Members never influence each other. The whole network is one node of autograd whose backward pass
// is written out; a gradient by the images, and one by a gradient, there is not.
class Classifier {
 public:
  // Parameters are zero until Initialize or Load. `type` is kFloat, or kDouble for tests. Throws
  // ConfigError where there is no such network.
  Classifier(const NetworkConfig& config, const ImageShape& shape, std::int64_t members,
             at::Device device, at::ScalarType type = at::kFloat);

  // Draws all parameters of member m from rngs[m] and resets its running statistics. Weights and
  // biases are uniform in ±1/sqrt(inputs) as PyTorch's, but those of a residual network's
  // convolutions normal with variance 2 / (kernel area * outputs) (arXiv:1502.01852, Eq. 14);
  // scales are 1, shifts 0.
  void Initialize(std::span<core::Rng> rngs);

  // Answers on normalised images [M, B, D, H, W] and on the layers named in `taps`. The gradient
  // flows to parameters(), in either mode, unless a NoGradGuard lives.
  // Fastest where each member's images are channels-last in memory. Throws std::invalid_argument on
  // another shape, and ConfigError where a layer has no such name.
  Classification Forward(const Tensor& images, Mode mode, std::span<const std::string> taps = {});
  // The same with other parameters, [M, P], in place of this object's: what quantisation makes of
  // them, or a moving average. The gradient flows to those.
  Classification ForwardWith(const Tensor& parameters, const Tensor& images, Mode mode,
                             std::span<const std::string> taps = {});

  // What `taps` may name, from the input to the output; the last is "logits", and "penultimate" is
  // what goes into the last layer, [M, B, F].
  const std::vector<std::string>& layer_names() const;
  // Sizes of a layer's answer to one image: {D, H, W} or {F}. Throws ConfigError on another name.
  const std::vector<std::int64_t>& layer_shape(const std::string& name) const;

  // Sets the running statistics to those of a data set under the present parameters: the mean over
  // the batches, [M, B, D, H, W], which `next` returns until it returns an undefined tensor.
  void RefreshStatistics(const std::function<Tensor()>& next);

  Tensor& parameters() { return parameters_; }  // [M, P]
  const Tensor& parameters() const { return parameters_; }
  Tensor& buffers() { return buffers_; }  // [M, S]
  const Tensor& buffers() const { return buffers_; }
  // Where the weights of each layer lie in a row of parameters().
  const std::vector<ParameterBlock>& layout() const;
  // The same of buffers().
  const std::vector<ParameterBlock>& buffer_layout() const;

  std::int64_t members() const { return parameters_.size(0); }
  // P, of one member.
  std::int64_t num_parameters() const { return parameters_.size(1); }
  // Multiplications of convolutions and linear layers for one image of one member.
  std::int64_t num_multiplications() const;
  const NetworkConfig& config() const { return config_; }
  const ImageShape& shape() const { return shape_; }
  at::Device device() const { return parameters_.device(); }

  // Networks of the same kind with copies of the parameters and statistics of these members, in
  // this order; one may appear several times.
  Classifier Select(std::span<const std::int64_t> members) const;

  // One member, in evaluation, for use elsewhere (torchscript_export.h, onnx_export.h).
  InferenceGraph Graph(std::int64_t member) const;

  // "<name>.parameters" and "<name>.buffers".
  void Save(core::ArchiveWriter& archive, const std::string& name) const;
  // Row m gets the parameters and statistics of the saved row members[m]. Throws IoError where the
  // saved ones are of another network or a member is not there.
  void Load(const core::ArchiveReader& archive, const std::string& name,
            std::span<const std::int64_t> members);
  void Load(const core::ArchiveReader& archive, const std::string& name);

  void set_stacking(Stacking stacking) { stacking_ = stacking; }

 private:
  bool grouped() const;
  // As ForwardWith; `momentum` is the batch's share in the running statistics.
  Classification Answer(const Tensor& parameters, const Tensor& images, Mode mode,
                        std::span<const std::string> taps, double momentum);

  NetworkConfig config_;
  ImageShape shape_;
  std::shared_ptr<const Network> network_;
  Tensor parameters_, buffers_;
  Stacking stacking_ = Stacking::kAuto;
};

}  // namespace duet::tasks
