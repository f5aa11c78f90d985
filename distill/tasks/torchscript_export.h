// A classifier as a TorchScript module.
#pragma once

#include <filesystem>

#include "distill/tasks/networks/inference_graph.h"

namespace duet::tasks {

// Writes a module that torch.jit.load reads, in Python or C++, without Duet: images [B, D, H, W],
// normalised, in; logits [B, C] out. Throws IoError where the file cannot be written.
void ExportTorchScript(const InferenceGraph& graph, const std::filesystem::path& path);

}  // namespace duet::tasks
