#include "agents/update_graph.h"

#include <utility>

namespace duet::agents {

UpdateGraph::UpdateGraph(MakeRecorder make) : make_(std::move(make)) {}

void UpdateGraph::Run(int kind, const std::function<void()>& body) {
  if (!make_) return body();
  std::unique_ptr<UpdateRecorder>& recorder = recorders_[kind];
  if (!recorder) recorder = make_();
  recorder->Run(body);
}

}  // namespace duet::agents
