#include "distill/tasks/networks/network.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace duet::tasks {

std::size_t Network::Find(const std::string& name) const {
  const auto found = std::ranges::find(steps, name, &Step::name);
  if (name.empty() || found == steps.end()) {
    throw ConfigError(
        fmt::format("this network has no layer \"{}\"; it has {}", name, fmt::join(names, ", ")));
  }
  return static_cast<std::size_t>(found - steps.begin());
}

std::vector<Tensor> Network::Forward(const Tensor& images, std::span<const std::size_t> taps,
                                     Pass& pass) const {
  std::vector<Tensor> answers;
  Tensor x = images;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    x = steps[i].layer->Forward(x, pass);
    if (answers.size() < taps.size() && taps[answers.size()] == i) answers.push_back(x);
  }
  return answers;
}

void Network::Backward(std::span<const Tensor> gradients, std::span<const std::size_t> taps,
                       Pass& pass) const {
  Tensor gradient;
  std::size_t remaining = taps.size();
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (remaining > 0 && taps[remaining - 1] == i) {
      const Tensor& own = gradients[--remaining];
      if (own.defined()) gradient = gradient.defined() ? gradient + own : own;
    }
    gradient = steps[i].layer->Backward(gradient, pass);
  }
}

}  // namespace duet::tasks
