#include "distill/tasks/networks/classifier.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <omp.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "agents/members.h"
#include "agents/without_autograd.h"
#include "distill/tasks/networks/network.h"

namespace duet::tasks {
namespace {

using agents::Shard;

constexpr double kMomentum = 0.1;  // of PyTorch's BatchNorm2d

// A pass of all members: one Pass for each shard, of `together` members.
struct Run {
  Run(std::shared_ptr<const Network> of, std::vector<std::size_t> steps, std::int64_t members,
      std::int64_t together)
      : network(std::move(of)), taps(std::move(steps)) {
    for (std::int64_t first = 0; first < members; first += together) {
      const std::int64_t index = first / together;
      shards.push_back({.index = index, .thread = index, .first = first, .count = together});
    }
    passes.resize(shards.size());
    taps.push_back(network->steps.size() - 1);
    std::ranges::sort(taps);
    taps.erase(std::unique(taps.begin(), taps.end()), taps.end());
  }

  std::int64_t members() const { return shards.back().first + shards.back().count; }

  std::shared_ptr<const Network> network;
  std::vector<Shard> shards;
  std::vector<Pass> passes;       // of each shard
  std::vector<std::size_t> taps;  // steps, ascending, the last one among them
};

// While one lives, OpenMP gives this thread's operations no others. ATen asks for none in a thread
// of a parallel region, but oneDNN divides its work by what OpenMP could give, and waits for it.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

// As many shards at once as there are threads; what is left over takes the threads inside its
// operations.
void ForEach(std::span<const Shard> shards, const std::function<void(const Shard&)>& function) {
  const auto threads = static_cast<std::size_t>(std::max(at::get_num_threads(), 1));
  const std::size_t together = threads > 1 ? shards.size() / threads * threads : 0;
  if (together > 0) {
    agents::ForEachShard(shards.first(together), [&](const Shard& shard) {
      const OneThread one_thread;
      function(shard);
    });
  }
  for (std::size_t i = together; i < shards.size(); ++i) {
    agents::ForEachShard(shards.subspan(i, 1), function);
  }
}

// [G, B, D, H, W] -> [B, G * D, H, W], channels-last on the CPU, where that is what kernels want.
Tensor ToMap(const Tensor& maps) {
  const Tensor together = maps.transpose(0, 1).flatten(1, 2);
  return together.contiguous(maps.is_cuda() ? at::MemoryFormat::Contiguous
                                            : at::MemoryFormat::ChannelsLast);
}

// What a layer gives, as it leaves the network: [B, G * D, H, W] -> [G, B, D, H, W].
Tensor ToFeatures(const Tensor& answer, std::int64_t members) {
  if (answer.dim() == 3) return answer;
  return answer.unflatten(1, {members, -1}).transpose(0, 1);
}

Tensor FromFeatures(const Tensor& gradient) {
  return !gradient.defined() || gradient.dim() == 3 ? gradient : ToMap(gradient);
}

// The answers of all taps, of all members.
std::vector<Tensor> ForwardOf(Run& run, const Tensor& images) {
  std::vector<std::vector<Tensor>> parts(run.taps.size());
  for (std::vector<Tensor>& part : parts) part.resize(run.shards.size());
  ForEach(run.shards, [&](const Shard& shard) {
    const auto index = static_cast<std::size_t>(shard.index);
    const Tensor maps = ToMap(images.narrow(0, shard.first, shard.count));
    const std::vector<Tensor> answers = run.network->Forward(maps, run.taps, run.passes[index]);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      parts[i][index] = ToFeatures(answers[i], shard.count);
    }
  });
  const agents::WithoutAutograd no_autograd;
  std::vector<Tensor> answers;
  for (const std::vector<Tensor>& part : parts) answers.push_back(at::cat(part));
  return answers;
}

Tensor BackwardOf(Run& run, std::span<const Tensor> gradients) {
  Tensor by_parameters;
  {
    const agents::WithoutAutograd no_autograd;
    by_parameters =
        at::empty({run.shards.back().first + run.shards.back().count, run.network->num_parameters},
                  run.passes.front().parameters.options());
  }
  ForEach(run.shards, [&](const Shard& shard) {
    std::vector<Tensor> own;
    for (const Tensor& gradient : gradients) {
      own.push_back(gradient.defined() ? FromFeatures(gradient.narrow(0, shard.first, shard.count))
                                       : Tensor());
    }
    Pass& pass = run.passes[static_cast<std::size_t>(shard.index)];
    pass.gradients = by_parameters.narrow(0, shard.first, shard.count);
    run.network->Backward(own, run.taps, pass);
  });
  return by_parameters;
}

// The network as one node of autograd's graph: parameters in, answers out.
class NetworkNode : public torch::autograd::Node {
 public:
  explicit NetworkNode(Run run) : run_(std::move(run)) {}

  std::string name() const override { return "DuetNetwork"; }
  void release_variables() override { run_.passes.clear(); }

 protected:
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    TORCH_CHECK(!run_.passes.empty(), "a network's answers can be differentiated once");
    if (!gradients.back().defined()) {
      gradients.back() = input_metadata(gradients.size() - 1).zeros_like();
    }
    Tensor by_parameters = BackwardOf(run_, gradients);
    run_.passes.clear();
    return {by_parameters};
  }

 private:
  Run run_;
};

// Makes the answers those of a node that differentiates `run` by the parameters.
void Record(Run run, const Tensor& parameters, std::span<Tensor> answers) {
  const std::shared_ptr<NetworkNode> node(new NetworkNode(std::move(run)),
                                          torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(parameters));
  for (Tensor& answer : answers) torch::autograd::set_history(answer, node);
}

void Draw(const ParameterBlock& block, Tensor row, core::Rng& rng) {
  const double outputs = static_cast<double>(block.shape.front());
  const double bound = 1.0 / std::sqrt(static_cast<double>(block.inputs));
  const double area = static_cast<double>(block.size()) / outputs /
                      static_cast<double>(block.shape.size() > 1 ? block.shape[1] : 1);
  const double deviation = std::sqrt(2.0 / (area * outputs));
  Tensor values = at::empty({block.size()}, at::kDouble);
  double* value = values.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < block.size(); ++i) {
    switch (block.start) {
      case Start::kZero:
        value[i] = 0.0;
        break;
      case Start::kOne:
        value[i] = 1.0;
        break;
      case Start::kUniform:
        value[i] = rng.Uniform(-bound, bound);
        break;
      case Start::kNormal:
        value[i] = deviation * rng.Normal();
        break;
    }
  }
  row.copy_(values);
}

}  // namespace

Classifier::Classifier(const NetworkConfig& config, const ImageShape& shape, std::int64_t members,
                       at::Device device, at::ScalarType type)
    : config_(config),
      shape_(shape),
      network_(std::make_shared<Network>(MakeNetwork(config, shape))) {
  const auto options = at::TensorOptions().dtype(type).device(device);
  parameters_ = at::zeros({members, network_->num_parameters}, options).requires_grad_();
  buffers_ = at::zeros({members, network_->num_buffers}, options);
}

void Classifier::Initialize(std::span<core::Rng> rngs) {
  const agents::WithoutAutograd no_autograd;
  for (std::int64_t m = 0; m < members(); ++m) {
    core::Rng& rng = rngs[static_cast<std::size_t>(m)];
    for (const ParameterBlock& block : layout()) Draw(block, block.Rows(parameters_)[m], rng);
    for (const ParameterBlock& block : buffer_layout()) Draw(block, block.Rows(buffers_)[m], rng);
  }
}

bool Classifier::grouped() const {
  if (stacking_ == Stacking::kAuto) return !device().is_cpu();
  return stacking_ == Stacking::kGrouped;
}

Classification Classifier::Forward(const Tensor& images, Mode mode,
                                   std::span<const std::string> taps) {
  return ForwardWith(parameters_, images, mode, taps);
}

Classification Classifier::ForwardWith(const Tensor& parameters, const Tensor& images, Mode mode,
                                       std::span<const std::string> taps) {
  return Answer(parameters, images, mode, taps, kMomentum);
}

Classification Classifier::Answer(const Tensor& parameters, const Tensor& images, Mode mode,
                                  std::span<const std::string> taps, double momentum) {
  agents::CheckShape(images, {members(), -1, shape_.channels, shape_.height, shape_.width},
                     "images");
  agents::CheckShape(parameters, {members(), num_parameters()}, "parameters");
  std::vector<std::size_t> steps;
  for (const std::string& name : taps) steps.push_back(network_->Find(name));
  Run run(network_, steps, members(), grouped() ? members() : 1);
  const bool recording = at::GradMode::is_enabled() && parameters.requires_grad();
  for (std::size_t i = 0; i < run.shards.size(); ++i) {
    const Shard& shard = run.shards[i];
    Pass& pass = run.passes[i];
    pass.parameters = parameters.detach().narrow(0, shard.first, shard.count);
    pass.buffers = buffers_.narrow(0, shard.first, shard.count);
    pass.training = mode == Mode::kTrain;
    pass.recording = recording;
    pass.momentum = momentum;
  }
  std::vector<Tensor> answers = ForwardOf(run, images);
  Classification out;
  const std::vector<std::size_t> answered = run.taps;
  if (recording) Record(std::move(run), parameters, answers);
  for (const std::size_t step : steps) {
    const auto place = std::ranges::find(answered, step) - answered.begin();
    out.features.push_back(answers[static_cast<std::size_t>(place)]);
  }
  out.logits = answers.back();
  return out;
}

void Classifier::RefreshStatistics(const std::function<Tensor()>& next) {
  const at::NoGradGuard no_grad;
  std::int64_t count = 0;
  for (Tensor images = next(); images.defined(); images = next()) {
    // The mean of the batches so far, one by one.
    Answer(parameters_, images, Mode::kTrain, {}, 1.0 / static_cast<double>(++count));
  }
}

const std::vector<std::string>& Classifier::layer_names() const { return network_->names; }

const std::vector<std::int64_t>& Classifier::layer_shape(const std::string& name) const {
  return network_->steps[network_->Find(name)].shape;
}

const std::vector<ParameterBlock>& Classifier::layout() const { return network_->parameters; }

const std::vector<ParameterBlock>& Classifier::buffer_layout() const { return network_->buffers; }

std::int64_t Classifier::num_multiplications() const { return network_->num_multiplications; }

Classifier Classifier::Select(std::span<const std::int64_t> members) const {
  Classifier selected(config_, shape_, static_cast<std::int64_t>(members.size()), device(),
                      parameters_.scalar_type());
  const agents::WithoutAutograd no_autograd;
  for (std::size_t m = 0; m < members.size(); ++m) {
    selected.parameters_[static_cast<std::int64_t>(m)].copy_(parameters_[members[m]]);
    selected.buffers_[static_cast<std::int64_t>(m)].copy_(buffers_[members[m]]);
  }
  selected.stacking_ = stacking_;
  return selected;
}

InferenceGraph Classifier::Graph(std::int64_t member) const {
  const agents::WithoutAutograd no_autograd;
  GraphEmitter emitter(parameters_.narrow(0, member, 1), buffers_.narrow(0, member, 1));
  std::string x = "images";
  for (const Network::Step& step : network_->steps) x = step.layer->Emit(emitter, x);
  return {.images = shape_, .nodes = emitter.Finish("logits")};
}

void Classifier::Save(core::ArchiveWriter& archive, const std::string& name) const {
  agents::SaveTensor(archive, name + ".parameters", parameters_);
  agents::SaveTensor(archive, name + ".buffers", buffers_);
}

void Classifier::Load(const core::ArchiveReader& archive, const std::string& name,
                      std::span<const std::int64_t> members) {
  const agents::WithoutAutograd no_autograd;
  agents::LoadRows(archive, name + ".parameters", parameters_, members);
  agents::LoadRows(archive, name + ".buffers", buffers_, members);
}

void Classifier::Load(const core::ArchiveReader& archive, const std::string& name) {
  Load(archive, name, agents::AllMembers(members()));
}

}  // namespace duet::tasks
