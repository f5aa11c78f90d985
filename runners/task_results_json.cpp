#include "runners/task_results_json.h"

#include <fmt/format.h>

#include "core/file.h"
#include "runners/json_node.h"
#include "runners/task_summary.h"

namespace duet::runners {
namespace {

// What tells this summary.json from a comparison's.
constexpr std::string_view kKind = "distillation";

using Metrics = std::map<std::string, PerSeed>;

std::vector<double> Numbers(const Node& node) {
  return node.Each([](const Node& item) { return item.Number(); });
}

std::vector<std::string> Texts(const Node& node) {
  return node.Each([](const Node& item) { return item.Text(); });
}

std::vector<std::int64_t> Integers(const Node& node) {
  return node.Each([](const Node& item) { return item.Integer(); });
}

Metrics ReadMetrics(const Node& node) {
  Metrics metrics;
  node.EachKey([&](const std::string& name, const Node& value) { metrics[name] = Numbers(value); });
  return metrics;
}

Json ToJson(const ModelResult& model) {
  Json curve = Json::array();
  for (const EpochPoint& point : model.curve) {
    curve.push_back({{"epoch", point.epoch}, {"values", point.values}});
  }
  return {{"name", model.name},
          {"network", model.network},
          {"teachers", model.teachers},
          {"seeds", model.seeds},
          {"parameters", model.parameters},
          {"size", model.size},
          {"onnx_bytes", model.onnx_bytes},
          {"onnx_int8_bytes", model.onnx_int8_bytes},
          {"multiplications", model.multiplications},
          {"epochs", model.epochs},
          {"gradient_steps", model.gradient_steps},
          {"wall_seconds", model.wall_seconds},
          {"images_per_second", model.images_per_second},
          {"milliseconds_per_image", model.milliseconds_per_image},
          {"last", model.last},
          {"selected", model.selected},
          {"selected_epochs", model.selected_epochs},
          {"reliability",
           {{"share", model.reliability.share},
            {"confidence", model.reliability.confidence},
            {"accuracy", model.reliability.accuracy}}},
          {"curve", curve},
          {"parameters_sha256", model.parameters_sha256}};
}

ModelResult ReadModel(const Node& node) {
  const Node reliability = node.At("reliability");
  return {.name = node.At("name").Text(),
          .network = node.At("network").Text(),
          .teachers = Texts(node.At("teachers")),
          .seeds = Integers(node.At("seeds")),
          .parameters = node.At("parameters").Count(),
          // Files from before models could be compressed and exported do not say.
          .size = node.At(node.Has("size") ? "size" : "parameters").Number(),
          .onnx_bytes = node.Has("onnx_bytes") ? node.At("onnx_bytes").Count() : 0,
          .onnx_int8_bytes = node.Has("onnx_int8_bytes") ? node.At("onnx_int8_bytes").Count() : 0,
          .multiplications = node.At("multiplications").Count(),
          .epochs = node.At("epochs").Count(),
          .gradient_steps = node.At("gradient_steps").Count(),
          .wall_seconds = node.At("wall_seconds").Number(),
          .images_per_second = node.At("images_per_second").Number(),
          .milliseconds_per_image = node.At("milliseconds_per_image").Number(),
          .curve = node.At("curve").Each([](const Node& point) {
            return EpochPoint{.epoch = point.At("epoch").Count(),
                              .values = ReadMetrics(point.At("values"))};
          }),
          .last = ReadMetrics(node.At("last")),
          .selected = ReadMetrics(node.At("selected")),
          .selected_epochs = Integers(node.At("selected_epochs")),
          .reliability = {.share = Numbers(reliability.At("share")),
                          .confidence = Numbers(reliability.At("confidence")),
                          .accuracy = Numbers(reliability.At("accuracy"))},
          .parameters_sha256 = node.At("parameters_sha256").Text()};
}

Json ToJson(const Estimate& estimate) {
  return {{"mean", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
}

Json Estimates(const ModelResult& model, Snapshot snapshot) {
  Json json = Json::object();
  for (const auto& [name, values] : model.metrics(snapshot)) {
    json[name] = ToJson(MetricEstimate(model, snapshot, name));
  }
  return json;
}

Json ParseText(const std::string& text, const std::filesystem::path& origin) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    throw IoError(fmt::format("{}: is not JSON; allowed is what Duet wrote", origin.string()));
  }
  return json;
}

}  // namespace

std::string SnapshotName(Snapshot snapshot) {
  return snapshot == Snapshot::kLast ? "last" : "selected";
}

std::string ModelResultJson(const ModelResult& model) { return Dump(ToJson(model)); }

ModelResult ParseModelResult(const std::string& text, const std::filesystem::path& origin) {
  const Json json = ParseText(text, origin);
  return ReadModel(Node(json, origin, ""));
}

ModelResult ReadModelResult(const std::filesystem::path& path) {
  return ParseModelResult(core::ReadFile(path), path);
}

std::string TaskSummaryJson(const TaskResult& task) {
  Json models = Json::array();
  for (const ModelResult& model : task.models) {
    Json json = ToJson(model);
    json["intervals"] = {{"last", Estimates(model, Snapshot::kLast)},
                         {"selected", Estimates(model, Snapshot::kSelected)}};
    models.push_back(std::move(json));
  }
  Json contrasts = Json::array();
  for (const ContrastResult& contrast : task.contrasts) {
    contrasts.push_back({{"name", contrast.name},
                         {"metric", contrast.metric},
                         {"plus", contrast.plus},
                         {"minus", contrast.minus},
                         {"last", contrast.last},
                         {"selected", contrast.selected},
                         {"interval", ToJson(MeanInterval(contrast.last))}});
  }
  Json paths = Json::array();
  for (const PathResult& path : task.paths) {
    paths.push_back({{"models", path.models}, {"validation_accuracy", path.validation_accuracy}});
  }
  return Dump({{"schema", kResultSchema},
               {"kind", kKind},
               {"name", task.name},
               {"data", task.data},
               {"fingerprint", Fingerprint(task)},
               {"wall_seconds", task.wall_seconds},
               {"ds_alpha", task.ds_alpha},
               {"provenance", runners::ToJson(task.provenance)},
               {"models", models},
               {"contrasts", contrasts},
               {"agreement", task.agreement},
               {"paths", paths},
               {"config", task.config_toml}});
}

TaskResult ReadTaskSummary(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "summary.json";
  const Json json = ParseText(core::ReadFile(path), path);
  const Node node(json, path, "");
  if (node.At("kind").Text() != kKind) {
    node.At("kind").Fail(fmt::format("\"{}\"", kKind));
  }
  return {
      .name = node.At("name").Text(),
      .data = node.At("data").Text(),
      .config_toml = node.At("config").Text(),
      .provenance = ReadProvenance(node.At("provenance")),
      .wall_seconds = node.At("wall_seconds").Number(),
      .ds_alpha = node.At("ds_alpha").Number(),
      .models = node.At("models").Each(ReadModel),
      .contrasts = node.At("contrasts").Each([](const Node& contrast) {
        return ContrastResult{.name = contrast.At("name").Text(),
                              .metric = contrast.At("metric").Text(),
                              .plus = Texts(contrast.At("plus")),
                              .minus = Texts(contrast.At("minus")),
                              .last = Numbers(contrast.At("last")),
                              .selected = Numbers(contrast.At("selected"))};
      }),
      .agreement = node.At("agreement").Each(Numbers),
      .paths = node.At("paths").Each([](const Node& path_node) {
        return PathResult{.models = Texts(path_node.At("models")),
                          .validation_accuracy = path_node.At("validation_accuracy").Number()};
      }),
  };
}

bool IsTaskRun(const std::filesystem::path& folder) {
  std::error_code code;
  if (!std::filesystem::is_regular_file(folder / "summary.json", code)) return false;
  const Json json = Json::parse(core::ReadFile(folder / "summary.json"), nullptr, false);
  return json.is_object() && json.contains("kind") && json["kind"] == kKind;
}

}  // namespace duet::runners
