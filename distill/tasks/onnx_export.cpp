#include "distill/tasks/onnx_export.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include <initializer_list>
#include <stdexcept>

#include "core/file.h"
#include "distill/tasks/onnx.pb.h"
#include "distill/tasks/quantization.h"

namespace duet::tasks {
namespace {

constexpr std::int64_t kIrVersion = 8;
constexpr std::int64_t kOperatorSet = 13;  // the first with a step per channel

std::string Bytes(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

class OnnxWriter {
 public:
  explicit OnnxWriter(std::int64_t bits) : bits_(bits) {}

  void Add(const GraphNode& node) {
    onnx::NodeProto* made = AddNode(OperatorName(node.operation), node.inputs, node.output);
    std::vector<std::string> names;
    switch (node.operation) {
      case Operation::kConvolution:
        SetInts(made, "kernel_shape", {node.kernel, node.kernel});
        SetInts(made, "strides", {node.stride, node.stride});
        SetInts(made, "pads", {node.padding, node.padding, node.padding, node.padding});
        break;
      case Operation::kNormalization:
        SetFloat(made, "epsilon", static_cast<float>(kNormalizationEpsilon));
        break;
      case Operation::kMaxPool:
      case Operation::kAveragePool:
        SetInts(made, "kernel_shape", {2, 2});
        SetInts(made, "strides", {2, 2});
        break;
      case Operation::kFlatten:
        SetInt(made, "axis", 1);
        break;
      case Operation::kGlobalAverage:
        SetInts(made, "axes", {2, 3});
        SetInt(made, "keepdims", 0);
        break;
      case Operation::kLinear:
        SetInt(made, "transB", 1);
        break;
      case Operation::kRelu:
      case Operation::kAdd:
        break;
      case Operation::kConcatenation:
        SetInt(made, "axis", 1);
        break;
    }
    const std::size_t place = static_cast<std::size_t>(graph_.node_size() - 1);
    for (const auto& [name, value] : node.constants) {
      graph_.mutable_node(static_cast<int>(place))->add_input(AddConstant(name, value));
    }
  }

  onnx::ModelProto Finish(const InferenceGraph& graph) {
    onnx::ModelProto model;
    model.set_ir_version(kIrVersion);
    model.set_producer_name("duet");
    model.add_opset_import()->set_version(kOperatorSet);
    const ImageShape& s = graph.images;
    Describe(*graph_.add_input(), "images", {s.channels, s.height, s.width});
    Describe(*graph_.add_output(), "logits", {s.num_classes});
    graph_.set_name("classifier");
    // Weights in bytes are restored before all that uses them.
    for (const onnx::NodeProto& node : graph_.node()) *restoring_.add_node() = node;
    *graph_.mutable_node() = restoring_.node();
    *model.mutable_graph() = graph_;
    return model;
  }

 private:
  static const char* OperatorName(Operation operation) {
    switch (operation) {
      case Operation::kConvolution:
        return "Conv";
      case Operation::kNormalization:
        return "BatchNormalization";
      case Operation::kRelu:
        return "Relu";
      case Operation::kMaxPool:
        return "MaxPool";
      case Operation::kAveragePool:
        return "AveragePool";
      case Operation::kAdd:
        return "Add";
      case Operation::kConcatenation:
        return "Concat";
      case Operation::kFlatten:
        return "Flatten";
      case Operation::kGlobalAverage:
        return "ReduceMean";
      case Operation::kLinear:
        return "Gemm";
    }
    return "";
  }

  onnx::NodeProto* AddNode(const char* type, const std::vector<std::string>& inputs,
                           const std::string& output) {
    onnx::NodeProto* node = graph_.add_node();
    node->set_op_type(type);
    node->set_name(output);
    node->add_output(output);
    for (const std::string& input : inputs) node->add_input(input);
    return node;
  }

  static onnx::AttributeProto* Attribute(onnx::NodeProto* node, const char* name,
                                         onnx::AttributeProto::AttributeType type) {
    onnx::AttributeProto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  }
  static void SetInt(onnx::NodeProto* node, const char* name, std::int64_t value) {
    Attribute(node, name, onnx::AttributeProto::INT)->set_i(value);
  }
  static void SetFloat(onnx::NodeProto* node, const char* name, float value) {
    Attribute(node, name, onnx::AttributeProto::FLOAT)->set_f(value);
  }
  static void SetInts(onnx::NodeProto* node, const char* name,
                      std::initializer_list<std::int64_t> values) {
    onnx::AttributeProto* attribute = Attribute(node, name, onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute->add_ints(value);
  }

  static void Describe(onnx::ValueInfoProto& value, const char* name,
                       std::initializer_list<std::int64_t> sizes) {
    value.set_name(name);
    onnx::TypeProto::Tensor* type = value.mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param("batch");
    for (const std::int64_t size : sizes) type->mutable_shape()->add_dim()->set_dim_value(size);
  }

  void AddInitializer(const std::string& name, const Tensor& value,
                      onnx::TensorProto::DataType type) {
    onnx::TensorProto* tensor = graph_.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const std::int64_t size : value.sizes()) tensor->add_dims(size);
    tensor->set_raw_data(Bytes(value));
  }

  // The name of what holds the value in float.
  std::string AddConstant(const std::string& name, const Tensor& value) {
    if (bits_ == 0 || value.dim() < 2) {
      AddInitializer(name, value, onnx::TensorProto::FLOAT);
      return name;
    }
    const Tensor channels = value.flatten(1);
    const Tensor step = QuantizationSteps(channels, bits_);
    const Tensor levels = (channels / step.unsqueeze(1)).round().to(at::kChar).view(value.sizes());
    AddInitializer(name + ".levels", levels, onnx::TensorProto::INT8);
    AddInitializer(name + ".step", step, onnx::TensorProto::FLOAT);
    AddInitializer(name + ".zero", at::zeros_like(step, at::kChar), onnx::TensorProto::INT8);
    onnx::NodeProto* node = restoring_.add_node();
    node->set_op_type("DequantizeLinear");
    node->set_name(name);
    for (const char* part : {".levels", ".step", ".zero"}) node->add_input(name + part);
    node->add_output(name);
    SetInt(node, "axis", 0);
    return name;
  }

  std::int64_t bits_;
  onnx::GraphProto graph_;
  onnx::GraphProto restoring_;  // nodes alone
};

}  // namespace

void ExportOnnx(const InferenceGraph& graph, const OnnxConfig& config,
                const std::filesystem::path& path) {
  if (config.bits != 0 && (config.bits < 2 || config.bits > 8)) {
    throw std::invalid_argument(
        fmt::format("weights of {} bits in ONNX; allowed are 0 and 2 to 8", config.bits));
  }
  OnnxWriter writer(config.bits);
  for (const GraphNode& node : graph.nodes) writer.Add(node);
  core::WriteFileAtomically(path, writer.Finish(graph).SerializeAsString());
}

}  // namespace duet::tasks
