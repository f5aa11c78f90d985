// Puts a network together, layer by layer, and counts its parameters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distill/tasks/networks/layers.h"
#include "distill/tasks/networks/network.h"

namespace duet::tasks {

// Keeps the size of the map or vector that the layers made so far answer with. What is made is the
// caller's until it is added as a step.
class NetworkBuilder {
 public:
  explicit NetworkBuilder(const ImageShape& images);

  struct ConvolutionShape {
    std::int64_t outputs = 1;
    std::int64_t kernel = 3;  // pixels on a side
    std::int64_t stride = 1;
    std::int64_t padding = 1;
    Start start = Start::kUniform;
  };
  // `bias`: the convolution's own.
  LayerPointer Convolve(const std::string& name, const ConvolutionShape& shape, bool bias = false);
  struct NormalizationShape {
    bool relu = true, pool = false, adds = false;
    bool bias = false;  // of the convolution of that name before, left to the normalisation
  };
  // Of the present map.
  Normalization Normalize(const std::string& name, const NormalizationShape& shape);
  LayerPointer Pool();  // the maximum
  LayerPointer PoolAverage();
  LayerPointer Flat();
  LayerPointer Average();
  LayerPointer Connect(const std::string& name, std::int64_t outputs, bool relu);

  // The layer answers with the present size. An empty name is not to be asked for.
  void Add(std::string name, LayerPointer layer);
  Network Finish();

  // {D, H, W} or {F}.
  std::vector<std::int64_t> size;

 private:
  ParameterBlock Parameter(const std::string& name, ParameterKind kind,
                           std::vector<std::int64_t> shape, std::int64_t inputs, Start start);
  ParameterBlock Buffer(const std::string& name, Start start);

  Network network_;
};

}  // namespace duet::tasks
