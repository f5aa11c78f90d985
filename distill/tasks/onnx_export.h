// A classifier as an ONNX model.
#pragma once

#include <cstdint>
#include <filesystem>

#include "distill/tasks/networks/inference_graph.h"

namespace duet::tasks {

struct OnnxConfig {
  // Of the weights of convolutions and linear layers: 0 keeps them in float; 2 to 8 stores them in
  // a byte each, as the multiples that QuantizeWeights makes of them, with a step per output
  // channel (DequantizeLinear). Weights that are such multiples already lose nothing.
  std::int64_t bits = 0;
};

// Writes an ONNX model (operator set 13, any number of images at once): "images" [B, D, H, W],
// normalised, in; "logits" [B, C] out. Throws IoError where the file cannot be written and
// std::invalid_argument on another number of bits.
void ExportOnnx(const InferenceGraph& graph, const OnnxConfig& config,
                const std::filesystem::path& path);

}  // namespace duet::tasks
