#include "runners/export_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "core/error.h"
#include "distill/tasks/model_files.h"
#include "distill/tasks/onnx_export.h"
#include "distill/tasks/torchscript_export.h"
#include "runners/summary.h"

namespace duet::runners {
namespace {

namespace fs = std::filesystem;

struct ExportArguments {
  std::string model;
  std::string format = "onnx";
  std::string epoch = "last";
  std::string out;
  std::int64_t seed = -1;  // the first
  std::int64_t bits = 0;
};

void Export(const ExportArguments& arguments) {
  const tasks::ModelFolder folder{arguments.model};
  const fs::path path = folder.classifier();
  const tasks::ModelFacts facts = tasks::ReadModelFacts(path);
  const bool onnx = arguments.format == "onnx";
  if (arguments.bits > 0 && !onnx) {
    throw ConfigError("--bits: TorchScript keeps weights in float; allowed is --format onnx");
  }
  const std::int64_t seeds[] = {arguments.seed < 0 ? facts.seeds.front() : arguments.seed};
  const tasks::Classifier classifier = tasks::LoadModel(
      path, arguments.epoch == "last" ? tasks::TeacherEpoch::kLast : tasks::TeacherEpoch::kSelected,
      seeds, facts.shape, at::kCPU);
  const fs::path usual = !onnx                ? folder.path / "model.pt"
                         : arguments.bits > 0 ? folder.onnx_int8()
                                              : folder.onnx();
  const fs::path out = arguments.out.empty() ? usual : fs::path(arguments.out);
  if (onnx) {
    tasks::ExportOnnx(classifier.Graph(0), {.bits = arguments.bits}, out);
  } else {
    tasks::ExportTorchScript(classifier.Graph(0), out);
  }
  fmt::print(
      "{}: {} bytes; seed {}, images [B, {}, {}, {}] of (pixel / 255 - mean) / std with mean [{}] "
      "and std [{}]\n",
      out.string(), FormatCount(static_cast<std::int64_t>(fs::file_size(out))), seeds[0],
      facts.shape.channels, facts.shape.height, facts.shape.width,
      fmt::join(facts.normalization.mean, ", "), fmt::join(facts.normalization.std, ", "));
}

}  // namespace

void AddExportCommand(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("export", "write a trained classifier as TorchScript or ONNX");
  auto arguments = std::make_shared<ExportArguments>();
  command->add_option("model", arguments->model, "folder of a model: runs/distill_quickstart/models/kd")
      ->required();
  command->add_option("--format", arguments->format, "onnx or torchscript")
      ->check(CLI::IsMember({"onnx", "torchscript"}))
      ->capture_default_str();
  command->add_option("--epoch", arguments->epoch, "last, or selected on validation")
      ->check(CLI::IsMember({"last", "selected"}))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "which seed's parameters (default: the first)");
  command
      ->add_option("--bits", arguments->bits,
                   "ONNX: store weights in a byte each, of so many bits; 0: as floats")
      ->check(CLI::IsMember({0, 2, 3, 4, 5, 6, 7, 8}))
      ->capture_default_str();
  command->add_option("--out", arguments->out, "the file (default: in the model's folder)");
  command->callback([arguments, &exit_code] {
    Export(*arguments);
    exit_code = 0;
  });
}

}  // namespace duet::runners
