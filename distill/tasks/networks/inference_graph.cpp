#include "distill/tasks/networks/inference_graph.h"

#include <ATen/Functions.h>
#include <fmt/format.h>

namespace duet::tasks {
namespace {

std::pair<std::string, Tensor> Value(const ParameterBlock& block, const Tensor& rows) {
  return {block.name, block.Rows(rows).reshape(block.shape).cpu().contiguous()};
}

}  // namespace

std::string GraphEmitter::Add(GraphNode node) {
  node.output = fmt::format("x{}", nodes_.size() + 1);
  nodes_.push_back(std::move(node));
  return nodes_.back().output;
}

std::pair<std::string, Tensor> GraphEmitter::Parameter(const ParameterBlock& block) const {
  return Value(block, parameters_);
}

std::pair<std::string, Tensor> GraphEmitter::Buffer(const ParameterBlock& block) const {
  return Value(block, buffers_);
}

std::vector<GraphNode> GraphEmitter::Finish(const std::string& output) {
  nodes_.back().output = output;
  return std::move(nodes_);
}

}  // namespace duet::tasks
