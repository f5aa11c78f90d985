#include "tests/agents/operation_recorder.h"

#include <ATen/core/List.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <set>

namespace duet::agents {
namespace {

constexpr c10::DispatchKey kKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

thread_local OperationRecorder* recorder = nullptr;

void Intercept(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard outside(kKey);
  if (recorder == nullptr) return op.callBoxed(stack);
  recorder->Add(op, stack);
}

bool ReadsTheHost(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::item", "aten::_local_scalar_dense",
                                               "aten::nonzero", "aten::is_nonzero", "aten::equal"};
  return kNames.contains(name);
}

}  // namespace

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&Intercept>());
}

void OperationRecorder::Record(const std::function<void()>& body) {
  recorder = this;
  {
    const c10::impl::IncludeDispatchKeyGuard inside(kKey);
    body();
  }
  recorder = nullptr;
}

void OperationRecorder::Add(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::size_t num_arguments = op.schema().arguments().size();
  Call call{op, {stack->end() - static_cast<std::ptrdiff_t>(num_arguments), stack->end()}, {}};
  const std::size_t below = stack->size() - num_arguments;
  if (ReadsTheHost(op.schema().name())) host_reads_.push_back(op.schema().name());
  op.callBoxed(stack);
  call.results.assign(stack->begin() + static_cast<std::ptrdiff_t>(below), stack->end());
  calls_.push_back(std::move(call));
}

void OperationRecorder::Replay() const {
  Renamed renamed;
  for (const Call& call : calls_) {
    torch::jit::Stack stack;
    for (const c10::IValue& value : call.arguments) stack.push_back(Rename(value, renamed));
    call.op.callBoxed(&stack);
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      Learn(call.results[i], stack[i], renamed);
    }
  }
}

c10::IValue OperationRecorder::Rename(const c10::IValue& value, const Renamed& renamed) {
  const auto rename = [&](const at::Tensor& tensor) {
    const auto found = renamed.find(tensor.unsafeGetTensorImpl());
    return found == renamed.end() ? tensor : found->second;
  };
  if (value.isTensor()) return rename(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(rename(tensor));
    return list;
  }
  return value;
}

void OperationRecorder::Learn(const c10::IValue& recorded, const c10::IValue& now,
                              Renamed& renamed) {
  if (recorded.isTensor()) {
    renamed.insert_or_assign(recorded.toTensor().unsafeGetTensorImpl(), now.toTensor());
  } else if (recorded.isTensorList()) {
    const std::vector<at::Tensor> before = recorded.toTensorVector(), after = now.toTensorVector();
    for (std::size_t i = 0; i < before.size(); ++i) {
      renamed.insert_or_assign(before[i].unsafeGetTensorImpl(), after[i]);
    }
  }
}

}  // namespace duet::agents
