#include "distill/tasks/torchscript_export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/api/module.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "core/error.h"
#include "core/file.h"

namespace duet::tasks {
namespace {

std::string Identifier(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

std::string Attribute(const GraphNode& node, std::size_t index) {
  return "self." + Identifier(node.constants.at(index).first);
}

std::string ConvolutionCall(const GraphNode& n) {
  return fmt::format("torch.conv2d({}, {}, {}, [{}, {}], [{}, {}])", n.inputs[0], Attribute(n, 0),
                     n.constants.size() > 1 ? Attribute(n, 1) : "None", n.stride, n.stride,
                     n.padding, n.padding);
}

std::string NormalizationCall(const GraphNode& n) {
  return fmt::format("torch.batch_norm({}, {}, {}, {}, {}, False, 0.1, {}, False)", n.inputs[0],
                     Attribute(n, 0), Attribute(n, 1), Attribute(n, 2), Attribute(n, 3),
                     kNormalizationEpsilon);
}

// The operation in TorchScript's language.
std::string Call(const GraphNode& n) {
  switch (n.operation) {
    case Operation::kConvolution:
      return ConvolutionCall(n);
    case Operation::kNormalization:
      return NormalizationCall(n);
    case Operation::kRelu:
      return fmt::format("torch.relu({})", n.inputs[0]);
    case Operation::kMaxPool:
      return fmt::format("torch.max_pool2d({}, [2, 2])", n.inputs[0]);
    case Operation::kAveragePool:
      return fmt::format("torch.avg_pool2d({}, [2, 2])", n.inputs[0]);
    case Operation::kAdd:
      return fmt::format("{} + {}", n.inputs[0], n.inputs[1]);
    case Operation::kConcatenation:
      return fmt::format("torch.cat([{}, {}], 1)", n.inputs[0], n.inputs[1]);
    case Operation::kFlatten:
      return fmt::format("torch.flatten({}, 1)", n.inputs[0]);
    case Operation::kGlobalAverage:
      return fmt::format("torch.mean({}, [2, 3])", n.inputs[0]);
    case Operation::kLinear:
      return fmt::format("torch.linear({}, {}, {})", n.inputs[0], Attribute(n, 0), Attribute(n, 1));
  }
  return {};
}

}  // namespace

void ExportTorchScript(const InferenceGraph& graph, const std::filesystem::path& path) {
  torch::jit::Module module("Classifier");
  std::string source = "def forward(self, images):\n";
  for (const GraphNode& node : graph.nodes) {
    for (const auto& [name, value] : node.constants) {
      module.register_buffer(Identifier(name), value.clone());
    }
    source += fmt::format("    {} = {}\n", node.output, Call(node));
  }
  module.define(source + "    return logits\n");
  module.eval();
  std::ostringstream bytes;
  module.save(bytes);
  core::WriteFileAtomically(path, bytes.str());
}

}  // namespace duet::tasks
