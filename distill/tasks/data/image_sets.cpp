#include "distill/tasks/data/image_sets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "distill/tasks/data/cifar.h"
#include "distill/tasks/data/data_files.h"
#include "distill/tasks/data/idx.h"
#include "distill/tasks/data/image_folder.h"

namespace duet::tasks {
namespace {

using Reader = ImageSet (*)(Part part, const DataConfig& config);

template <ImageSet (*Read)(const std::filesystem::path& directory, Part part)>
ImageSet FromFiles(Part part, const DataConfig& config) {
  return Read(DataDirectory(config.directory, config.set), part);
}

ImageSet FromShapes(Part part, const DataConfig& config) {
  return DrawShapes(config.shapes, part == Part::kTest);
}

ImageSet FromFolder(Part part, const DataConfig& config) {
  return ReadImageFolder(DataDirectory(config.directory, config.set), part, config.resolution);
}

struct Row {
  std::string_view name;
  Reader read;
};
constexpr Row kSets[] = {{"shapes", &FromShapes},
                         {"cifar10", &FromFiles<&ReadCifar10>},
                         {"cifar100", &FromFiles<&ReadCifar100>},
                         {"mnist", &FromFiles<&ReadMnist>},
                         {"fashion_mnist", &FromFiles<&ReadFashionMnist>},
                         {"emnist_balanced", &FromFiles<&ReadEmnistBalanced>},
                         {"emnist_byclass", &FromFiles<&ReadEmnistByClass>},
                         {"emnist_bymerge", &FromFiles<&ReadEmnistByMerge>},
                         {"emnist_digits", &FromFiles<&ReadEmnistDigits>},
                         {"emnist_letters", &FromFiles<&ReadEmnistLetters>},
                         {"folder", &FromFolder}};

}  // namespace

std::string_view PartName(Part part) { return part == Part::kTrain ? "train" : "test"; }

std::vector<std::string> ImageSetNames() {
  std::vector<std::string> names;
  for (const Row& row : kSets) names.emplace_back(row.name);
  return names;
}

ImageSet ReadImageSet(std::string_view name, Part part, const DataConfig& config) {
  const auto row = std::ranges::find(kSets, name, &Row::name);
  if (row == std::end(kSets)) {
    throw ConfigError(fmt::format("data: \"{}\" is no image set; allowed are {}", name,
                                  fmt::join(ImageSetNames(), ", ")));
  }
  DataConfig named = config;
  named.set = name;
  ImageSet set = row->read(part, named);
  set.name = fmt::format("{}/{}", name, PartName(part));
  CheckImageSet(set);
  return set;
}

}  // namespace duet::tasks
