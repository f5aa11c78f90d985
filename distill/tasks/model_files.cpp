#include "distill/tasks/model_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "core/archive.h"
#include "core/config_reader.h"
#include "core/config_writer.h"
#include "core/error.h"

namespace duet::tasks {
namespace {

std::string ShapeText(const ImageShape& shape) {
  return fmt::format("{} classes of {}x{} pixels in {} {}", shape.num_classes, shape.height,
                     shape.width, shape.channels, shape.channels == 1 ? "channel" : "channels");
}

template <typename Number>
std::vector<Number> Numbers(const std::string& text) {
  std::istringstream stream(text);
  std::vector<Number> numbers;
  for (Number number = 0; stream >> number;) numbers.push_back(number);
  return numbers;
}

ModelFacts Facts(const core::ArchiveReader& archive) {
  if (!archive.Has("kind") || archive.GetText("kind") != "classifier") {
    throw IoError(fmt::format(
        "{}: holds no classifier; allowed is the classifier.safetensors of a model of a run",
        archive.path().string()));
  }
  ModelFacts facts;
  core::ConfigFile(archive.GetText("network"), archive.path().string(), {}).Read(facts.network);
  facts.shape = {.channels = archive.GetNumber("channels"),
                 .height = archive.GetNumber("height"),
                 .width = archive.GetNumber("width"),
                 .num_classes = archive.GetNumber("num_classes")};
  facts.seeds = Numbers<std::int64_t>(archive.GetText("seeds"));
  // Files from before there were exports do not say.
  if (!archive.Has("mean")) return facts;
  facts.normalization = {.mean = Numbers<double>(archive.GetText("mean")),
                         .std = Numbers<double>(archive.GetText("std"))};
  return facts;
}

std::vector<std::int64_t> MembersOf(const ModelFacts& facts, std::span<const std::int64_t> seeds,
                                    const std::filesystem::path& path) {
  std::vector<std::int64_t> members;
  for (const std::int64_t seed : seeds) {
    const auto found = std::ranges::find(facts.seeds, seed);
    if (found == facts.seeds.end()) {
      throw ConfigError(fmt::format("{}: has no seed {}; allowed are {}", path.string(), seed,
                                    fmt::join(facts.seeds, ", ")));
    }
    members.push_back(found - facts.seeds.begin());
  }
  return members;
}

}  // namespace

std::filesystem::path ModelFolder::outputs(std::string_view what) const {
  return path / "outputs" / fmt::format("{}.safetensors", what);
}

void CheckLoads(const TaskConfig& config, const ImageShape& shape) {
  for (const ModelConfig& model : config.models) {
    if (model.load.empty()) continue;
    const std::filesystem::path path = ModelFolder{model.load}.classifier();
    const ModelFacts facts = ReadModelFacts(path);
    CheckShape(facts, path, shape);
    MembersOf(facts, config.seeds, path);
  }
}

std::string_view EpochName(TeacherEpoch epoch) {
  return epoch == TeacherEpoch::kLast ? "last" : "selected";
}

void SaveModel(const std::filesystem::path& path, const Classifier& classifier,
               std::span<const std::int64_t> seeds, const Normalization& normalization,
               const ModelState& last, const ModelState& selected) {
  const ImageShape& shape = classifier.shape();
  core::ArchiveWriter archive;
  archive.AddText("kind", "classifier");
  archive.AddText("network", core::ToToml(classifier.config()));
  archive.AddNumber("channels", shape.channels);
  archive.AddNumber("height", shape.height);
  archive.AddNumber("width", shape.width);
  archive.AddNumber("num_classes", shape.num_classes);
  archive.AddText("seeds", fmt::format("{}", fmt::join(seeds, " ")));
  archive.AddText("mean", fmt::format("{}", fmt::join(normalization.mean, " ")));
  archive.AddText("std", fmt::format("{}", fmt::join(normalization.std, " ")));
  agents::SaveTensor(archive, "last.parameters", last.parameters);
  agents::SaveTensor(archive, "last.buffers", last.buffers);
  agents::SaveTensor(archive, "selected.parameters", selected.parameters);
  agents::SaveTensor(archive, "selected.buffers", selected.buffers);
  archive.Write(path);
}

ModelFacts ReadModelFacts(const std::filesystem::path& path) {
  return Facts(core::ArchiveReader(path));
}

void CheckShape(const ModelFacts& facts, const std::filesystem::path& path,
                const ImageShape& shape) {
  if (facts.shape == shape) return;
  throw ConfigError(fmt::format("{}: is for {}; the data has {}", path.string(),
                                ShapeText(facts.shape), ShapeText(shape)));
}

Classifier LoadModel(const std::filesystem::path& path, TeacherEpoch epoch,
                     std::span<const std::int64_t> seeds, const ImageShape& shape,
                     at::Device device) {
  const core::ArchiveReader archive(path);
  const ModelFacts facts = Facts(archive);
  CheckShape(facts, path, shape);
  Classifier classifier(facts.network, shape, static_cast<std::int64_t>(seeds.size()), device);
  classifier.Load(archive, std::string(EpochName(epoch)), MembersOf(facts, seeds, path));
  return classifier;
}

}  // namespace duet::tasks
