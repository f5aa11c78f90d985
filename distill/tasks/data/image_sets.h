// The table of image sets.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "distill/tasks/data/data_config.h"
#include "distill/tasks/data/image_set.h"

namespace duet::tasks {

enum class Part { kTrain, kTest };
// "train" or "test".
std::string_view PartName(Part part);

// Every name that DataConfig::set may have.
std::vector<std::string> ImageSetNames();

// One part of a set as its publisher divided it, at its own resolution. Throws ConfigError on a
// name that no set has or where no directory is given, and IoError as LoadData.
ImageSet ReadImageSet(std::string_view name, Part part, const DataConfig& config);

}  // namespace duet::tasks
