#include "agents/update_graph.h"

// Without CUDA's libraries there is no device that could record.
namespace duet::agents {

class UpdateGraph::Recording {};

UpdateGraph::UpdateGraph(at::Device device) : device_(device) {}
UpdateGraph::~UpdateGraph() = default;
UpdateGraph::UpdateGraph(UpdateGraph&&) noexcept = default;

void UpdateGraph::Run(int /*kind*/, const std::function<void()>& body) { body(); }

}  // namespace duet::agents
